# Several shells of one file, to be chosen from by attribute.
{ greeting ? "chosen by attribute" }:
{
  plain = import ./shell.nix { inherit greeting; };
  inner.structured = import ./structured.nix { };
}
