# Debian packages as derivations, and as much of a standard environment as a development shell is made of: tools on
# PATH, setup hooks, runHook, several outputs. `archives` has the .deb files, `seed` a static busybox to begin with.
{ archives ? ./archives, seed ? ./seed }:
let
  system = "x86_64-linux";
  library = "lib/x86_64-linux-gnu";
  seedInStore = builtins.path { path = seed; name = "seed"; };

  # Fixed outputs, as what is fetched for nixpkgs is: by their contents, whatever the address.
  fetch = name: derivation {
    inherit name;
    system = "builtin";
    builder = "builtin:fetchurl";
    url = "file://${toString archives}/${name}";
    outputHashMode = "flat";
    outputHashAlgo = "sha256";
    outputHash = builtins.hashFile "sha256" (archives + "/${name}");
    preferLocalBuild = true;
  };

  busybox = derivation {
    inherit system;
    name = "busybox-1.35";
    builder = "${seedInStore}/bin/busybox";
    args = [ "sh" "-euc" ''
      b=${seedInStore}/bin/busybox
      $b mkdir -p $out/bin
      $b cp $b $out/bin/busybox
      for tool in $($b --list); do [ $tool = busybox ] || $b ln -s busybox $out/bin/$tool; done
    '' ];
  };

  build = { name, script, outputs ? [ "out" ], ... }@args: derivation ({
    inherit system outputs;
    PATH = "${busybox}/bin";
    builder = "${busybox}/bin/sh";
    args = [ "-euc" script ];
  } // removeAttrs args [ "script" ]);

  unpack = deb: ''
    dpkg-deb -x ${fetch deb} unpacked
    cd unpacked
  '';

  # A program that its own linker starts: nothing of the machine is needed.
  started = { program, libraries }: ''
    mkdir -p $out/bin $out/libexec
    cp usr/bin/${program} $out/libexec/
    printf '#!%s\nexec %s --argv0 %s --library-path %s %s "$@"\n' ${bash}/bin/bash \
      ${glibc}/${library}/ld-linux-x86-64.so.2 ${program} \
      ${builtins.concatStringsSep ":" ([ "${glibc}/${library}" ] ++ libraries)} \
      $out/libexec/${program} > $out/bin/${program}
    chmod 755 $out/bin/${program}
  '';

  bash = build {
    name = "bash-5.2";
    script = unpack "bash-static.deb" + ''
      mkdir -p $out/bin
      cp bin/bash-static $out/bin/bash
      ln -s bash $out/bin/sh
    '';
  };

  glibc = build {
    name = "glibc-2.36";
    script = unpack "libc6.deb" + ''
      mkdir -p $out/${library}
      cp lib/x86_64-linux-gnu/ld-linux-x86-64.so.2 lib/x86_64-linux-gnu/lib[cm].so.6 $out/${library}/
      cp lib/x86_64-linux-gnu/libpthread.so.0 $out/${library}/
    '';
  };

  onig = build {
    name = "onig-6.9";
    script = unpack "libonig5.deb" + ''
      mkdir -p $out/lib
      cp usr/${library}/libonig.so.5 $out/lib/
    '';
  };

  hello = build {
    name = "hello-2.10";
    script = unpack "hello.deb" + started { program = "hello"; libraries = [ ]; } + ''
      mkdir -p $out/nix-support
      cat > $out/nix-support/setup-hook <<END
      export HELLO_HOME=$out
      helloHook() { export HELLO_HOOK="\''${HELLO_HOOK:-}hooked"; }
      preShellHooks+=(helloHook)
      END
    '';
  };

  jq = build {
    name = "jq-1.6";
    outputs = [ "out" "lib" "man" ];
    script = ''
      dpkg-deb -x ${fetch "libjq1.deb"} libjq
      mkdir -p $lib/lib
      cp libjq/usr/${library}/libjq.so.1 $lib/lib/
    '' + unpack "jq.deb" + started { program = "jq"; libraries = [ "$lib/lib" "${onig}/lib" ]; } + ''
      mkdir -p $man/share/man/man1
      cp usr/share/man/man1/jq.1.gz $man/share/man/man1/
    '';
  };

  stdenv = build {
    name = "stdenv-fixture";
    setup = ./setup.sh;
    inherit bash busybox;
    script = ''
      mkdir -p $out
      sed -e "s|@busybox@|$busybox|g" -e "s|@bash@|$bash|g" $setup > $out/setup
    '';
  };

  # What mkShell is to nixpkgs: a derivation that is there for its inputs.
  mkShell = attributes: derivation ({
    inherit system stdenv;
    builder = "${bash}/bin/bash";
    args = [ "-e" ./builder.sh ];
  } // attributes);
in
{ inherit bash busybox glibc hello jq mkShell onig stdenv; }
