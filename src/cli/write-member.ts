/** Writes one file out of a NAR as the NAR goes by. */
import { MemberExtractor } from '../format/nar/member.ts';
import type { Output } from './context.ts';
import { decodeNar } from './decode-nar.ts';

/** @throws FerryError `not-found`, `usage` where it is no file, `corrupt` */
export async function writeMember(
  nar: AsyncIterable<Uint8Array>,
  member: string,
  output: Output,
): Promise<void> {
  let heard: Uint8Array[] = [];
  // The views are gone after the call, and writing takes longer.
  const extractor = new MemberExtractor(member, (chunk) => heard.push(chunk.slice()));
  await decodeNar(nar, extractor, async () => {
    const chunks = heard;
    heard = [];
    for (const chunk of chunks) await output.write(chunk);
  });
  extractor.finish();
}
