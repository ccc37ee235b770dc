/**
 * Small files as the programs wrote them: GNU gzip 1.12, bzip2 1.0.8, xz 5.4.1, zstd 1.5.4, brotli 1.0.9, lzip 1.23 (and what
 * they hold). The same contents for each, so that a test can go over all methods.
 */
import type { Compression } from '../../../src/format/compression.ts';

export type CompressedBy = Exclude<Compression, 'none'>;

/** Text with long repeats, in a few hundred bytes of output. */
export const text: Uint8Array = new TextEncoder().encode(
  `${'The store is a directory of immutable objects. '.repeat(20)}${'abracadabra'.repeat(7)}`,
);
/** Runs of all the lengths about which bzip2 has something special. */
export const runs: Uint8Array = Uint8Array.from(
  [1, 2, 3, 4, 5, 6, 254, 255, 256, 257, 258, 259, 260, 261, 518, 519, 520].flatMap((length, at) =>
    Array.from({ length }, () => at % 7),
  ),
);

export interface CompressedFiles {
  /** Of `text`. */
  readonly text: Uint8Array;
  /** Of nothing. */
  readonly empty: Uint8Array;
}

export const compressedFiles: Readonly<Record<CompressedBy, CompressedFiles>> = {
  gzip: {
    text: bytes(
      'H4sIAAAAAAACAwvJSFUoLskvSlXILFZIVEjJLEpNBnIrFfLTFDJzc0tLEpNyUhXyk7KAwsV6CiGjykeVjyof',
      'GOWJSUWJyYkpIIpyJgBDf580+QMAAA==',
    ),
    empty: bytes('H4sIAAAAAAACAwMAAAAAAAAAAAA='),
  },
  bzip2: {
    text: bytes(
      'QlpoOTFBWSZTWdHW5RcAAFoTgEABBAA/dp4gMAC4CmE00BpiFMJpoDTEClSj0jQ0MRijcmMk8E8CfiYJoTPa',
      'o4rkm1ZWc1tXJMxNRMVoTQnBPpOhOCdyfSdieSYJuJwTknUT4JlXcmhMEwTqTJPxNybiak2J/F3JFOFCQ0db',
      'lFw=',
    ),
    empty: bytes('QlpoORdyRThQkAAAAAA='),
  },
  xz: {
    text: bytes(
      '/Td6WFoAAATm1rRGAgAhARYAAAB0L+Wj4AP4AEJdACoaCKIDNd6AxOyxX6hPBD5UPMiIX5N1anEPuQ+SovGm',
      'rBgCJjfpBexw+FDnCEftNBFExE6/VYqridtWAP/UH/fkAAAAABlwSMQyKTzvAAFe+QcAAADPtyItscRn+wIA',
      'AAAABFla',
    ),
    empty: bytes('/Td6WFoAAATm1rRGAAAAABzfRCEftvN9AQAAAAAEWVo='),
  },
  zstd: {
    text: bytes(
      'KLUv/QRYNQIApANUaGUgc3RvcmUgaXMgYSBkaXJlY3Rvcnkgb2YgaW1tdXRhYmxlIG9iamVjdHMuIGFicmFj',
      'YWRhYnJhAgB3kfz1ykqVAb3klTQ=',
    ),
    empty: bytes('KLUv/SQAAQAAmenYUQ=='),
  },
  br: {
    text: bytes('H/gDaATqZKl+DUI52AiKDTjkwOnAzQ+WSMIUOOTg80BPlmVpXVqQDyoxnN1XvAP6TdH4EWTGAA=='),
    empty: bytes('Pw=='),
  },
  lzip: {
    text: bytes(
      'TFpJUAEMACoaCKIDNd6AxOyxX6hPBD5UPMiIX5N1anEPuQ+SovGmrBgCJjfpBexw+FDnCEftNBFExE6/VYqr',
      'idtWAP/UIqKvajH+cWwAQ3+fNPkDAAAAAAAAYgAAAAAAAAA=',
    ),
    empty: bytes('TFpJUAEMAIP/+///wAAAAAAAAAAAAAAAAAAAACQAAAAAAAAA'),
  },
};

/** `runs` by bzip2. */
export const bzip2Runs: Uint8Array = bytes(
  'QlpoOTFBWSZTWZLUv6UAAAZAAP8AABggAFCDJiBIKniTxfUDz3otI+CsIy+i34tPIrSrXJliN5ostWa0ZMq3',
  'lkypYQbq7u38XckU4UJCS1L+lA==',
);

/** 45,000,000 zeros by bzip2: one block. */
export const bzip2Zeros: Uint8Array = bytes(
  'QlpoOTFBWSZTWckBtsgBWKtAIMAAEAAACCAAMMwFKaZSSFJsVJIUni7kinChIZIDbZA=',
);

/** `text` by xz in blocks of 256 bytes, with each of its checks. */
export const xzBlocks: Readonly<Record<string, Uint8Array>> = {
  none: bytes(
    '/Td6WFoAAAD/EtlBAgAhARYAAAB0L+Wj4AD/ADNdACoaCKIDNd6AxOyxX6hPBD5UPMiIX5N1anEPuQ+SovGm',
    'rBgCJjfpBexw+FDnB7ThWZwAAAAAAgAhARYAAAB0L+Wj4AD/ADRdADeci4zF1W2mtF9LrowOTvAJcuEqX6eB',
    '7ZbPKocFfiOEA1ocRMDqGb+i6jR75nXcjrYMAAAAAgAhARYAAAB0L+Wj4AD/ADNdADGdCqyjusaAQL7KOE+X',
    'gH4oC62YKR1IP852852E6Mv+95YepLs/gYTGeTE3Fd8scGxYAAAAAgAhARYAAAB0L+Wj4AD4AD1dADSciM2w',
    'FTkQ3yoGwncfyaPg5Jr3szXWTFGzhp+2row92JIPRHLo71kyt0sQJo+rLGWqFgiZTUZpmDwnbAAAAAAAAARH',
    'gAJIgAJHgAJR+QEAAM5Ew7O141MqBAAAAAAAWVo=',
  ),
  crc32: bytes(
    '/Td6WFoAAAFpIt42AgAhARYAAAB0L+Wj4AD/ADNdACoaCKIDNd6AxOyxX6hPBD5UPMiIX5N1anEPuQ+SovGm',
    'rBgCJjfpBexw+FDnB7ThWZwAAAAAE/U49QIAIQEWAAAAdC/lo+AA/wA0XQA3nIuMxdVtprRfS66MDk7wCXLh',
    'Kl+nge2WzyqHBX4jhANaHETA6hm/ouo0e+Z13I62DAAAACe0dJsCACEBFgAAAHQv5aPgAP8AM10AMZ0KrKO6',
    'xoBAvso4T5eAfigLrZgpHUg/znbznYToy/73lh6kuz+BhMZ5MTcV3yxwbFgAAABMM143AgAhARYAAAB0L+Wj',
    '4AD4AD1dADSciM2wFTkQ3yoGwncfyaPg5Jr3szXWTFGzhp+2row92JIPRHLo71kyt0sQJo+rLGWqFgiZTUZp',
    'mDwnbAAAAAAAH1b6CAAES4ACTIACS4ACVfkBAADuFcCLI9NUXQQAAAAAAVla',
  ),
  crc64: bytes(
    '/Td6WFoAAATm1rRGAgAhARYAAAB0L+Wj4AD/ADNdACoaCKIDNd6AxOyxX6hPBD5UPMiIX5N1anEPuQ+SovGm',
    'rBgCJjfpBexw+FDnB7ThWZwAAAAAaPrgaUo8Ea0CACEBFgAAAHQv5aPgAP8ANF0AN5yLjMXVbaa0X0uujA5O',
    '8Aly4Spfp4Htls8qhwV+I4QDWhxEwOoZv6LqNHvmddyOtgwAAABdcuYfX/O57QIAIQEWAAAAdC/lo+AA/wAz',
    'XQAxnQqso7rGgEC+yjhPl4B+KAutmCkdSD/OdvOdhOjL/veWHqS7P4GExnkxNxXfLHBsWAAAACob3fdekb1j',
    'AgAhARYAAAB0L+Wj4AD4AD1dADSciM2wFTkQ3yoGwncfyaPg5Jr3szXWTFGzhp+2row92JIPRHLo71kyt0sQ',
    'Jo+rLGWqFgiZTUZpmDwnbAAAAAAA62/NGjXfEd8ABE+AAlCAAk+AAln5AQAAAi86d6wnPi0EAAAAAARZWg==',
  ),
  sha256: bytes(
    '/Td6WFoAAArh+wyhAgAhARYAAAB0L+Wj4AD/ADNdACoaCKIDNd6AxOyxX6hPBD5UPMiIX5N1anEPuQ+SovGm',
    'rBgCJjfpBexw+FDnB7ThWZwAAAAAHAvRuRpFymbMr5+fv65iL1YP1rDjamfZ9h6bFiw8nswCACEBFgAAAHQv',
    '5aPgAP8ANF0AN5yLjMXVbaa0X0uujA5O8Aly4Spfp4Htls8qhwV+I4QDWhxEwOoZv6LqNHvmddyOtgwAAADQ',
    'XRyg3mRlFLuhXMaATRU4fMXD0flCvHQouNYJWNLR9gIAIQEWAAAAdC/lo+AA/wAzXQAxnQqso7rGgEC+yjhP',
    'l4B+KAutmCkdSD/OdvOdhOjL/veWHqS7P4GExnkxNxXfLHBsWAAAAIFJOuSne7mYgcBCuq3RYWNfjwAvVbw8',
    'alP7K4sVdUgUAgAhARYAAAB0L+Wj4AD4AD1dADSciM2wFTkQ3yoGwncfyaPg5Jr3szXWTFGzhp+2row92JIP',
    'RHLo71kyt0sQJo+rLGWqFgiZTUZpmDwnbAAAAAAAvXBfP0ZaIS6YTyLHTKMEyI4+bHkNSPkwyJJewTELRSsA',
    'BGeAAmiAAmeAAnH5AQAAk/6MwKsKhsoEAAAAAApZWg==',
  ),
};

/** `text` by xz, whose header was made to ask for a dictionary of 1.5 GiB. */
export const xzLargeDictionary: Uint8Array = bytes(
  '/Td6WFoAAAFpIt42AgAhASUAAAA7eHtB4AP4AEJdACoaCKIDNd6AxOyxX6hPBD5UPMiIX5N1anEPuQ+SovGm',
  'rBgCJjfpBexw+FDnCEftNBFExE6/VYqridtWAP/UH/fkAAAAAEN/nzQAAVr5BwAAANn1s7Y+MA2LAgAAAAAB',
  'WVo=',
);

function bytes(...base64: readonly string[]): Uint8Array {
  return Uint8Array.from(Buffer.from(base64.join(''), 'base64'));
}
