# With structured attributes `outputs` is an array from names to paths, else a list of variables.
if [ -e .attrs.sh ]; then source .attrs.sh; fi
source $stdenv/setup
case $(declare -p outputs) in
"declare -A"*) paths=("${outputs[@]}") ;;
*) for output in $outputs; do paths+=("${!output}"); done ;;
esac
for path in "${paths[@]}"; do echo "$name" >"$path"; done
