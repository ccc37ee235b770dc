# The same with structured attributes: lists stay lists, sets stay sets.
{ pkgs ? import ./pkgs.nix { } }:
pkgs.mkShell {
  name = "structured-shell";
  __structuredAttrs = true;
  outputs = [ "out" "dev" ];
  nativeBuildInputs = [ pkgs.hello ];
  buildInputs = [ pkgs.jq pkgs.jq.man ];
  pinned = builtins.path { path = ./pinned; name = "pinned-source"; };
  GREETING = "hello from the store";
  words = [ "one" "two words" "it's" "" ];
  table = { key = "value"; "with space" = "other value"; };
  nested = { deep = { deeper = [ 1 2 { three = 3; } ]; }; nothing = null; };
  NUMBER = 42;
  fraction = 2.5;
  FLAG = true;
  DOWN = false;
  notes = "many words,\nwith a second line\n";
  exportReferencesGraph.closure = [ pkgs.hello ];
  shellHook = ''
    echo "shellHook: $(hello --greeting="$GREETING")"
    export FROM_HOOK="$(jq -r .name $pinned/data.json)"
  '';
}
