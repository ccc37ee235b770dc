/** Closures that look like those of systems and are made up, of any size: the same for the same number of paths. */
import { closureSizes } from '../../src/copy/closure-sizes.ts';
import type { GraphDocument, GraphNode } from '../../src/format/graph/document.ts';
import { defaultStoreDir, type StorePath } from '../../src/format/store-path.ts';
import { createRandom } from '../../fuzz/random.ts';

const LETTERS = '0123456789abcdfghijklmnpqrsvwxyz';
const NAMES =
  'acl alsa-lib at-spi2-core attr audit bash boost brotli bzip2 cairo coreutils cups curl dbus dconf expat ffmpeg file findutils firefox flac fontconfig freetype fribidi gawk gcc gdk-pixbuf gettext giflib git glib glibc gmp gnutls gobject-introspection graphite2 grep gst-plugins-base gstreamer gtk gzip harfbuzz icu4c iptables json-glib kmod krb5 lame lcms2 less libaom libarchive libass libcap libdrm libepoxy libevdev libffi libgcrypt libidn2 libinput libjpeg-turbo libnotify libogg libopus libpng libpsl librsvg libseccomp libsndfile libsoup libssh2 libtasn1 libthai libtiff libunistring libuv libva libvorbis libvpx libwebp libX11 libxcb libxkbcommon libxml2 libxslt linux-headers linux-pam llvm lua lz4 man-db mesa mpfr ncurses nettle networkmanager nghttp2 nix nspr nss openldap openssh openssl p11-kit pango pcre2 perl pipewire pixman polkit procps pulseaudio python3 qtbase readline rust sed shadow shared-mime-info speex sqlite strace systemd tar tzdata util-linux vala vim vulkan-loader wayland webkitgtk wget which x264 x265 xz zlib zsh zstd'.split(
    ' ',
  );
const OUTPUTS = ['', '', '', '', '-lib', '-bin', '-dev', '-data', '-man'];

/** The first path is the root; each refers to some of those after it, and to the last ones most often. */
export function makeDocument(count: number): GraphDocument {
  const random = createRandom(count).number;
  const below = (limit: number): number => Math.floor(random() * limit);
  const made = Array.from({ length: count }, (_, i) => {
    const hashPart = Array.from({ length: 32 }, () => LETTERS[below(32)]).join('');
    const name = i === 0 ? 'nixos-system-harbour' : (NAMES[below(NAMES.length)] ?? '');
    const number = i === 0 ? '26.05' : `${below(9) + 1}.${below(40)}.${below(12)}`;
    const output = i === 0 ? '' : (OUTPUTS[below(9)] ?? '');
    const version = random() < 0.06 && i > 0 ? undefined : number + output;
    // Most are small, a few are huge.
    const narSize = Math.round(Math.exp(7 + 7 * random() + 5 * random() ** 8));
    return { hashPart, name, version, narSize: i === 0 ? 31_744 : narSize };
  });
  const references = made.map((_, i) => {
    const to = new Set<number>();
    const wanted = i === 0 ? Math.min(count / 10, 90) : random() ** 2 * 16;
    // The last one has none.
    const after = i + 1 < count ? wanted : 0;
    for (let left = after; left > 0; left--) {
      const nearby = i + 1 + below(count - i - 1);
      const common = count - 1 - Math.floor(random() ** 3 * count * 0.2);
      const target = random() < 0.55 ? nearby : common;
      if (target > i && target < count) to.add(target);
    }
    return to;
  });
  // Nothing is there without a reason.
  for (let i = 1; i < count; i++) references[below(i)]?.add(i);
  return documentOf(made, references);
}

interface MadePath {
  readonly hashPart: string;
  readonly name: string;
  readonly version: string | undefined;
  readonly narSize: number;
}

/** A document of paths that refer to each other by their places; the first one is the root. */
export function documentOf(
  made: readonly MadePath[],
  references: readonly Iterable<number>[],
): GraphDocument {
  const order = [...made.keys()].sort((a, b) =>
    (made[a]?.hashPart ?? '') < (made[b]?.hashPart ?? '') ? -1 : 1,
  );
  const numbers = new Map(order.map((place, number) => [place, number]));
  const targets = order.map((place) =>
    [...(references[place] ?? [])].map((to) => numbers.get(to) ?? 0).sort((a, b) => a - b),
  );
  const offsets = new Uint32Array(made.length + 1);
  for (const [n, { length }] of targets.entries()) offsets[n + 1] = (offsets[n] ?? 0) + length;
  const narSizes = Float64Array.from(order, (place) => made[place]?.narSize ?? 0);
  const sizes = closureSizes({
    paths: order.map((place) => made[place]?.hashPart as StorePath),
    narSizes,
    offsets,
    targets: Uint32Array.from(targets.flat()),
  });
  const nodes = order.map((place, n): GraphNode => {
    const { hashPart, name, version } = made[place] as MadePath;
    const tail = version === undefined ? name : `${name}-${version}`;
    return {
      path: `${defaultStoreDir}/${hashPart}-${tail}`,
      name,
      ...(version === undefined ? {} : { version }),
      narSize: narSizes[n] ?? 0,
      closureSize: sizes[n] ?? 0,
      references: targets[n] ?? [],
    };
  });
  const [root] = made;
  const title =
    root?.version === undefined ? (root?.name ?? 'nothing') : `${root.name}-${root.version}`;
  const roots = made.length === 0 ? [] : [numbers.get(0) ?? 0];
  return { version: 1, storeDir: defaultStoreDir, title, roots, nodes };
}
