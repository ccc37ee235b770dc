/**
 * A closure as it is embedded into its page: the columns of a graph document, each once and short. What is written here
 * is read by the page's script, which comes from the same build; so this has no version of its own.
 */

/** One entry for each node in every column but `roots` and `references`. */
export interface PageData {
  readonly storeDir: string;
  readonly title: string;
  readonly roots: readonly number[];
  /** Store paths without the store directory: `<hash part>-<name>-<version>`. */
  readonly bases: readonly string[];
  /** How many characters after the hash part and its dash are the name; the rest, but for a dash, is the version. */
  readonly nameLengths: readonly number[];
  /** Bytes. */
  readonly narSizes: readonly number[];
  /** Bytes. */
  readonly closureSizes: readonly number[];
  readonly referenceCounts: readonly number[];
  /** The references of all nodes one after the other: the first of a node as it is, others less the one before. */
  readonly references: readonly number[];
}
