// QR codes (ISO/IEC 18004) for what a phone's camera is to read from the page: bytes, level L, versions 1 to 10 (271 bytes),
// which is more than an otpauth:// address needs. Pure; components/qr.tsx draws it.

/** Of each version at level L: check words of a block, blocks of the first and second length, data words of the first. */
const versions: readonly (readonly [number, number, number, number])[] = [
  [7, 1, 0, 19],
  [10, 1, 0, 34],
  [15, 1, 0, 55],
  [20, 1, 0, 80],
  [26, 1, 0, 108],
  [18, 2, 0, 68],
  [20, 2, 0, 78],
  [24, 2, 0, 97],
  [30, 2, 0, 116],
  [18, 2, 2, 68],
];

const exp = new Uint8Array(512);
const log = new Uint8Array(256);
for (let i = 0, x = 1; i < 255; i++) {
  exp[i] = exp[i + 255] = x;
  log[x] = i;
  x = x & 128 ? (x << 1) ^ 0x11d : x << 1;
}

const times = (a: number, b: number) => (a && b ? (exp[(log[a] as number) + (log[b] as number)] as number) : 0);

function generator(n: number): number[] {
  let poly = [1];
  for (let i = 0; i < n; i++) {
    const next = [...poly, 0];
    poly.forEach((c, at) => (next[at + 1] = (next[at + 1] as number) ^ times(c, exp[i] as number)));
    poly = next;
  }
  return poly;
}

/** The Reed-Solomon remainder of a block. */
function checkWords(data: readonly number[], n: number): number[] {
  const poly = generator(n);
  const rest = [...data, ...new Array<number>(n).fill(0)];
  for (let i = 0; i < data.length; i++) {
    const lead = rest[i] as number;
    poly.forEach((c, at) => (rest[i + at] = (rest[i + at] as number) ^ times(c, lead)));
  }
  return rest.slice(data.length);
}

function dataWords(bytes: Uint8Array, version: number, capacity: number): number[] {
  const bits: number[] = [];
  const put = (value: number, n: number) => {
    for (let i = n - 1; i >= 0; i--) bits.push((value >> i) & 1);
  };
  put(4, 4); // bytes
  put(bytes.length, version < 10 ? 8 : 16);
  for (const b of bytes) put(b, 8);
  put(0, Math.min(4, capacity * 8 - bits.length));
  while (bits.length % 8) bits.push(0);
  const words: number[] = [];
  for (let i = 0; i < bits.length; i += 8) words.push(Number.parseInt(bits.slice(i, i + 8).join(''), 2));
  for (let pad = 0xec; words.length < capacity; pad ^= 0xec ^ 0x11) words.push(pad);
  return words;
}

/** Data and check words of all blocks, in the order in which they are drawn. */
function interleaved(bytes: Uint8Array, version: number): number[] {
  const [ec, first, second, length] = versions[version - 1] as readonly [number, number, number, number];
  const words = dataWords(bytes, version, first * length + second * (length + 1));
  const blocks: number[][] = [];
  for (let i = 0, at = 0; i < first + second; i++) {
    const n = length + (i >= first ? 1 : 0);
    blocks.push(words.slice(at, at + n));
    at += n;
  }
  const checks = blocks.map((b) => checkWords(b, ec));
  const out: number[] = [];
  for (const list of [blocks, checks]) {
    const longest = Math.max(...list.map((b) => b.length));
    for (let i = 0; i < longest; i++) for (const b of list) if (i < b.length) out.push(b[i] as number);
  }
  return out;
}

type Grid = (boolean | null)[][];

function frame(version: number): Grid {
  const size = 17 + 4 * version;
  const grid: Grid = Array.from({ length: size }, () => new Array<boolean | null>(size).fill(null));
  const set = (y: number, x: number, on: boolean) => {
    if (y >= 0 && x >= 0 && y < size && x < size) (grid[y] as (boolean | null)[])[x] = on;
  };
  const square = (cy: number, cx: number, r: number, on: (d: number) => boolean) => {
    for (let dy = -r; dy <= r; dy++) for (let dx = -r; dx <= r; dx++) set(cy + dy, cx + dx, on(Math.max(Math.abs(dy), Math.abs(dx))));
  };
  for (const [y, x] of [[3, 3], [3, size - 4], [size - 4, 3]] as const) square(y, x, 4, (d) => d !== 2 && d !== 4);
  for (let i = 8; i < size - 8; i++) {
    set(6, i, i % 2 === 0);
    set(i, 6, i % 2 === 0);
  }
  const last = size - 7;
  const centres = version === 1 ? [] : version < 7 ? [6, last] : [6, 2 * Math.round((6 + last) / 4), last];
  for (const y of centres) {
    for (const x of centres) {
      const corner = (y === 6 && x === 6) || (y === 6 && x === last) || (y === last && x === 6);
      if (!corner) square(y, x, 2, (d) => d !== 1);
    }
  }
  return grid;
}

function remainder(value: number, bits: number, poly: number, polyBits: number): number {
  let rest = value << bits;
  for (let i = 31; i >= bits; i--) if ((rest >>> i) & 1) rest ^= poly << (i - polyBits);
  return rest;
}

/** Format (level L and the mask) and version beside the finder patterns. */
function notes(grid: Grid, version: number, mask: number): void {
  const size = grid.length;
  const set = (y: number, x: number, on: boolean) => ((grid[y] as (boolean | null)[])[x] = on);
  const format = ((8 | mask) << 10) | remainder(8 | mask, 10, 0x537, 10);
  const word = format ^ 0x5412;
  for (let i = 0; i < 15; i++) {
    const on = ((word >> i) & 1) === 1;
    const down = i < 6 ? i : i < 8 ? i + 1 : size - 15 + i;
    set(down, 8, on);
    const right = i < 8 ? size - 1 - i : i === 8 ? 7 : 14 - i;
    set(8, right, on);
  }
  set(size - 8, 8, true);
  if (version < 7) return;
  const bits = (version << 12) | remainder(version, 12, 0x1f25, 12);
  for (let i = 0; i < 18; i++) {
    const on = ((bits >> i) & 1) === 1;
    set(Math.floor(i / 3), size - 11 + (i % 3), on);
    set(size - 11 + (i % 3), Math.floor(i / 3), on);
  }
}

const masks: readonly ((y: number, x: number) => boolean)[] = [
  (y, x) => (y + x) % 2 === 0,
  (y) => y % 2 === 0,
  (_, x) => x % 3 === 0,
  (y, x) => (y + x) % 3 === 0,
  (y, x) => (Math.floor(y / 2) + Math.floor(x / 3)) % 2 === 0,
  (y, x) => ((y * x) % 2) + ((y * x) % 3) === 0,
  (y, x) => (((y * x) % 2) + ((y * x) % 3)) % 2 === 0,
  (y, x) => (((y + x) % 2) + ((y * x) % 3)) % 2 === 0,
];

/** Two columns at a time, up and down, from the right; the column of the timing pattern is left out. */
function fillIn(grid: Grid, words: readonly number[], mask: number): boolean[][] {
  const size = grid.length;
  const out = grid.map((row) => [...row]);
  let at = 0;
  for (let right = size - 1, up = true; right > 0; right -= 2, up = !up) {
    if (right === 6) right--;
    for (let i = 0; i < size; i++) {
      const y = up ? size - 1 - i : i;
      for (const x of [right, right - 1]) {
        if ((grid[y] as (boolean | null)[])[x] !== null) continue;
        const bit = at < words.length * 8 ? ((words[at >> 3] as number) >> (7 - (at & 7))) & 1 : 0;
        at++;
        (out[y] as (boolean | null)[])[x] = (bit === 1) !== (masks[mask] as (y: number, x: number) => boolean)(y, x);
      }
    }
  }
  return out as boolean[][];
}

/** How hard a picture is to read: runs, blocks, look-alikes of a finder pattern, imbalance. */
function penalty(grid: readonly (readonly boolean[])[]): number {
  const size = grid.length;
  const at = (y: number, x: number) => (grid[y] as readonly boolean[])[x] as boolean;
  let sum = 0;
  let dark = 0;
  for (const turned of [false, true]) {
    for (let i = 0; i < size; i++) {
      const line = Array.from({ length: size }, (_, j) => (turned ? at(j, i) : at(i, j)));
      const text = line.map(Number).join('');
      for (const run of text.match(/0{5,}|1{5,}/g) ?? []) sum += run.length - 2;
      sum += 40 * [...text.matchAll(/(?=00001011101|10111010000)/g)].length;
    }
  }
  for (let y = 0; y < size; y++) {
    for (let x = 0; x < size; x++) {
      if (at(y, x)) dark++;
      if (y + 1 < size && x + 1 < size && at(y, x) === at(y, x + 1) && at(y, x) === at(y + 1, x) && at(y, x) === at(y + 1, x + 1)) sum += 3;
    }
  }
  return sum + 10 * Math.floor(Math.abs((dark * 20) / (size * size) - 10));
}

/** The picture, true is dark, without its margin; null if the text is longer than 271 bytes. */
export function qrCode(text: string): boolean[][] | null {
  const bytes = new TextEncoder().encode(text);
  const version =
    versions.findIndex(([, first, second, length], i) => {
      const room = first * length + second * (length + 1);
      return bytes.length <= room - (i + 1 < 10 ? 2 : 3);
    }) + 1;
  if (version === 0) return null;
  const words = interleaved(bytes, version);
  let best: boolean[][] | null = null;
  let least = Infinity;
  for (let mask = 0; mask < masks.length; mask++) {
    const grid = frame(version);
    notes(grid, version, mask);
    const picture = fillIn(grid, words, mask);
    const cost = penalty(picture);
    if (cost < least) {
      least = cost;
      best = picture;
    }
  }
  return best;
}
