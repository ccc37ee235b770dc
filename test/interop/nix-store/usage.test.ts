/** What `nix-store` does with words that make no sense, beside Nix 2.34. */
import { peerTest } from '../../support/peers.ts';
import { openBesideNix } from '../../support/beside-nix.ts';

peerTest('usage errors end as they do in Nix', { nix: ['2.34'] }, async (nix) => {
  await using beside = await openBesideNix(nix('2.34'));
  for (const words of ['--frob', '--serve --frob', '--serve --query', '--add-root', '--store']) {
    await beside.compare('nix-store', words);
  }
  await beside.compare('nix-store', []);
});
