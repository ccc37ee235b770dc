/** What a state has, whichever shape it was read from. */

/** One instance of a resource. */
export interface TerraformResource {
  /** As Terraform names it: `module.web["eu"].aws_instance.web[0]`. */
  readonly address: string;
  /** Of its module; empty for the root. */
  readonly module: string;
  readonly type: string;
  readonly name: string;
  /** Where it is one of several. */
  readonly index: string | number | undefined;
  readonly values: object;
  /** Whether what lies there, or what it lies in, is marked as sensitive. */
  readonly isSensitive: (at: readonly (string | number)[]) => boolean;
}

export interface TerraformState {
  readonly resources: readonly TerraformResource[];
  readonly outputs: ReadonlyMap<string, unknown>;
  /** What was left out, and why. */
  readonly warnings: readonly string[];
}
