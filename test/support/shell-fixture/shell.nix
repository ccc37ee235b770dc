# A development shell as people write it, but that what it takes from a pinned nixpkgs comes from beside it.
{ pkgs ? import ./pkgs.nix { }, inNixShell ? false, greeting ? "hello from the store" }:
pkgs.mkShell {
  name = "fixture-shell";
  outputs = [ "out" "dev" ];
  nativeBuildInputs = [ pkgs.hello ];
  buildInputs = [ pkgs.jq pkgs.jq.man ];
  pinned = builtins.path { path = ./pinned; name = "pinned-source"; };
  GREETING = greeting;
  QUOTED = "it's \"quoted\" \$HOME `not run` \\ and a tab\t.";
  LINES = "one\ntwo\n\n  four";
  EMPTY = "";
  FLAG = true;
  NUMBER = 42;
  passAsFile = [ "notes" ];
  notes = "many words,\nkept in a file\n";
  forShell = inNixShell;
  shellHook = ''
    echo "shellHook: $(hello --greeting="$GREETING")"
    export FROM_HOOK="$(jq -r .name $pinned/data.json)"
  '';
}
