/**
 * What worker threads do for files that share their contents, as Nix's `--optimise` has it: equal files are one file,
 * which also stands in a directory of links, under the Nix32 of the SHA-256 of its NAR. This is the vocabulary.
 */

interface CallOptions {
  readonly signal?: AbortSignal | undefined;
}

/** Inode numbers of files that stand in a directory of links, ascending. It may be shared between threads. */
export type LinkedInodes = Float64Array;

export interface ShareRequest extends CallOptions {
  readonly tree: string;
  readonly linksDir: string;
  /** Where a new link is made before it takes the place of a file: on the same file system. */
  readonly temporaryDir: string;
  /** Files that need not be looked at. What is missing here costs time and no more. */
  readonly linked?: LinkedInodes | undefined;
  /** Change nothing, and say in `unlinked` what would have to be done. */
  readonly dryRun?: boolean | undefined;
}

export interface ShareResult {
  /** Files that were replaced by a link to an equal one, or in a dry run would be. */
  readonly filesLinked: number;
  /** Bytes of their contents. */
  readonly bytesFreed: number;
  readonly notes: readonly ShareNote[];
  /** Of a dry run: files of whose contents there is no link yet. */
  readonly unlinked: readonly UnlinkedFile[];
}

export interface UnlinkedFile {
  /** Of its NAR, in Nix32. */
  readonly hash: string;
  readonly inode: number;
  /** Bytes. */
  readonly size: number;
}

/** Something that is not as it should be, or can't be done, and ends nothing. */
export interface ShareNote {
  readonly kind: /** The file can be written to: its contents may change, so it is left alone. */
    | 'writable'
    /** A link that wasn't what its name says was removed. */
    | 'damaged-link'
    /** The file system has no room for another link in the directory. */
    | 'no-space'
    /** As many files share these contents as the file system allows. */
    | 'too-many-links';
  /** The file, or the link where it is about that, as shown to people. */
  readonly path: string;
}

/** A link that isn't what its name says. */
export interface DamagedLink {
  readonly name: string;
  /** The name that it should have; absent where it couldn't be read. */
  readonly got?: string | undefined;
  /** Why it couldn't be read. */
  readonly problem?: string | undefined;
}

export interface CheckLinksRequest extends CallOptions {
  readonly linksDir: string;
  /** Base names, one character for each byte. */
  readonly names: readonly string[];
}

export interface SharedLinksRequest extends CallOptions {
  readonly linksDir: string;
  readonly trees: readonly string[];
}

export type LinkJob =
  | { readonly kind: 'linked-inodes'; readonly linksDir: string }
  | {
      readonly kind: 'check-links';
      readonly linksDir: string;
      readonly names: readonly string[];
    }
  | {
      readonly kind: 'shared-links';
      readonly linksDir: string;
      readonly trees: readonly string[];
    }
  | ({ readonly kind: 'share' } & Omit<ShareRequest, 'signal'>);

export interface LinkWorkers {
  /** Of all links there are; none where the directory is missing. */
  linkedInodes(linksDir: string, options?: CallOptions): Promise<LinkedInodes>;
  /** Those that are not what their names say. One that is gone is fine. */
  checkLinks(request: CheckLinksRequest): Promise<readonly DamagedLink[]>;
  /** Names of the links that are the same files as some in these trees. What is missing of a tree is fine. */
  sharedLinks(request: SharedLinksRequest): Promise<readonly string[]>;
  /**
   * Lets the files of a tree share their contents with those that have a link, and gives the others one. Contents are
   * compared by their hash, on both sides; no file is ever written to.
   * @throws FerryError `not-found`, `denied`
   */
  share(request: ShareRequest): Promise<ShareResult>;
}
