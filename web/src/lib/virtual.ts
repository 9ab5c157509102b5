// Which rows of a long list lie in the window. Rows have one of a few known heights, so offsets are
// a prefix sum and the first visible row a binary search.
export interface Span {
  first: number;
  last: number; // one past
}

export function offsetsOf(heights: ArrayLike<number>): Float64Array {
  const out = new Float64Array(heights.length + 1);
  for (let i = 0; i < heights.length; i++) out[i + 1] = (out[i] as number) + (heights[i] as number);
  return out;
}

export function rowAt(offsets: Float64Array, y: number): number {
  let low = 0;
  let high = offsets.length - 2;
  while (low < high) {
    const mid = (low + high + 1) >> 1;
    if ((offsets[mid] as number) <= y) low = mid;
    else high = mid - 1;
  }
  return Math.max(0, low);
}

export function visibleSpan(offsets: Float64Array, top: number, height: number, margin: number): Span {
  const count = offsets.length - 1;
  if (count <= 0) return { first: 0, last: 0 };
  const first = rowAt(offsets, top - margin);
  const last = Math.min(count, rowAt(offsets, top + height + margin) + 1);
  return { first, last };
}
