# Derivations of all kinds that have paths before they are built: about a thousand, below one that needs them all.
{ bytes }:
let
  drv = attributes: derivation ({ system = "x86_64-linux"; builder = "/bin/sh"; } // attributes);
  each = count: make: map make (builtins.genList (i: i) count);
  hash = algorithm: text: builtins.hashString algorithm text;

  flat = i: drv {
    name = "flat-${toString i}.tar.gz";
    outputHashMode = "flat";
    outputHashAlgo = "sha256";
    outputHash = hash "sha256" "flat${toString i}";
    url = "https://example.org/${toString i}";
  };
  # Its hash says by itself which it is.
  sri = i: drv {
    name = "sri-${toString i}";
    outputHashMode = "recursive";
    outputHash = builtins.convertHash {
      hash = hash "sha512" "sri${toString i}";
      hashAlgo = "sha512";
      toHashFormat = "sri";
    };
    src = flat i;
  };
  md5 = i: drv {
    name = "md5-${toString i}";
    outputHashAlgo = "md5";
    outputHash = hash "md5" "md5${toString i}";
  };
  sha1 = i: drv {
    name = "sha1-${toString i}";
    outputHashMode = "recursive";
    outputHashAlgo = "sha1";
    outputHash = hash "sha1" "sha1${toString i}";
  };
  # The same contents from two addresses: two derivations with one hash.
  mirrored = i: map (host: drv {
    name = "mirrored-${toString i}";
    outputHashMode = "flat";
    outputHashAlgo = "sha256";
    outputHash = hash "sha256" "mirrored${toString i}";
    url = "https://${host}/${toString i}";
  }) [ "one.example" "other.example" ];

  chain = count: builtins.foldl'
    (previous: i: drv { name = "chain-${toString i}"; inherit previous; })
    (flat 0)
    (builtins.genList (i: i) count);
  multi = i: drv {
    name = "multi-${toString i}";
    outputs = [ "out" "dev" "lib" "a" ];
    src = flat i;
    sri = sri i;
    mirrors = mirrored i;
  };
  diamond = i:
    let
      base = multi i;
      left = drv { name = "left-${toString i}"; dev = base.dev; };
      right = drv { name = "right-${toString i}"; lib = base.lib; a = base.a; };
    in drv { name = "diamond-${toString i}"; inherit left right base; };
  structured = i: drv {
    name = "structured-${toString i}";
    __structuredAttrs = true;
    outputs = [ "out" "bin" ];
    whole = i;
    large = 9007199254740993;
    fraction = i * 1.5;
    huge = 1.0e100;
    list = [ 1 "two" null true (diamond i) ];
    set = { a.b.c = "ü\"\\"; "weird key" = [ ]; "10" = 1; "9" = 2; "世" = 3; };
    text = "line\nline\ttab";
  };
  escapes = i: drv {
    name = "escapes-${toString i}";
    args = [ "-c" "a\nb\tc\rd\"e\\f$g" "" ];
    text = "ü 世界 \\n \${y}";
    empty = "";
    flag = true;
    src = builtins.toFile "source-${toString i}" "text ${toString i}";
  };
  # Bytes that are no text, and all others.
  raw = drv { name = "raw"; contents = builtins.readFile bytes; };
  names = drv { name = "1.2+a_b?c=d-.x"; outputs = [ "o.u_t" "out" "x-1" ]; };

  all = [ (chain 200) names ] ++ each 60 diamond ++ each 80 structured ++ each 100 escapes
    ++ each 50 md5 ++ each 50 sha1;
in {
  # What JSON can tell, and what it can't.
  shown = drv { name = "corpus"; inherit all; };
  whole = drv { name = "corpus-with-bytes"; inherit all raw; };
}
