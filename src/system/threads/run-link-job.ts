/** Jobs about directories of links, as they run on a worker thread. */
import type { LinkJob } from '../link-jobs.ts';
import { checkLinks, findSharedLinks, readLinkedInodes } from '../tree/links.ts';
import { shareFiles } from '../tree/share-files.ts';
import type { LinkJobResult } from './messages.ts';

export function runLinkJob(job: LinkJob, checkpoint: () => void): LinkJobResult {
  switch (job.kind) {
    case 'linked-inodes':
      return { inodes: readLinkedInodes(job.linksDir, checkpoint) };
    case 'check-links':
      return { damaged: checkLinks(job.linksDir, job.names, checkpoint) };
    case 'shared-links':
      return { names: findSharedLinks(job.linksDir, job.trees, checkpoint) };
    case 'share':
      return { shared: shareFiles(job, checkpoint) };
  }
}
