/** What a copy tells while it runs: one stream of plain data, for a terminal, a log or a program alike. */
import type { StorePath } from '../format/store-path.ts';

export type CopyEvent =
  /** Looking: how much of the closure is known so far. */
  | { readonly type: 'closure'; readonly paths: number }
  /** The destination has fetched it from a substituter, before anything is sent. */
  | {
      readonly type: 'path-substituted';
      readonly path: StorePath;
      readonly narSize: number;
      /** URI of the substituter. */
      readonly from: string;
    }
  /** So much is not sent, though the destination lacks it. */
  | {
      readonly type: 'skipped';
      readonly paths: number;
      readonly narSize: number;
      readonly reason: string;
    }
  /** Contents are about to move. */
  | { readonly type: 'start'; readonly paths: number; readonly narSize: number }
  | { readonly type: 'path-start'; readonly path: StorePath; readonly narSize: number }
  | { readonly type: 'path-bytes'; readonly path: StorePath; readonly bytes: number }
  /** It is valid at the destination. */
  | { readonly type: 'path-done'; readonly path: StorePath }
  | { readonly type: 'path-failed'; readonly path: StorePath; readonly error: unknown }
  /** Signatures were added to a path that was valid already. */
  | { readonly type: 'signatures-added'; readonly path: StorePath; readonly count: number }
  | { readonly type: 'done'; readonly summary: CopySummary };

export interface CopySummary {
  readonly copied: number;
  readonly alreadyValid: number;
  readonly failed: number;
  /** Bytes of NAR of the paths that were copied. */
  readonly narSize: number;
  readonly signaturesAdded: number;
}

export type OnCopyEvent = (event: CopyEvent) => void;
