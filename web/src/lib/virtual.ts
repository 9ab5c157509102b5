// Which rows of a long list lie in the window. A plan says where each row stands; nothing is measured.
export interface Span {
  first: number;
  last: number; // one past
}

export interface Plan {
  readonly count: number;
  readonly height: number;
  top(index: number): number;
  heightOf(index: number): number;
  /** The row at this place, or the nearest. */
  at(y: number): number;
}

function lastNotAfter(offsets: ArrayLike<number>, count: number, y: number): number {
  let low = 0;
  let high = count - 1;
  while (low < high) {
    const mid = (low + high + 1) >> 1;
    if ((offsets[mid] as number) <= y) low = mid;
    else high = mid - 1;
  }
  return Math.max(0, low);
}

/** Each row has a height of its own. */
export function heightsPlan(heights: ArrayLike<number>): Plan {
  const tops = new Float64Array(heights.length + 1);
  for (let i = 0; i < heights.length; i++) tops[i + 1] = (tops[i] as number) + (heights[i] as number);
  return {
    count: heights.length,
    height: tops[heights.length] as number,
    top: (i) => tops[i] as number,
    heightOf: (i) => heights[i] as number,
    at: (y) => lastNotAfter(tops, heights.length, y),
  };
}

/** Rows of one height. */
export function evenPlan(count: number, height: number): Plan {
  return {
    count,
    height: count * height,
    top: (i) => i * height,
    heightOf: () => height,
    at: (y) => Math.max(0, Math.min(count - 1, Math.floor(y / height))),
  };
}

export interface Section {
  /** Rows under the head; 0 when it is folded. */
  rows: number;
}

/** A row's section, and its place in it; -1: the section's head. */
export interface Place {
  section: number;
  row: number;
}

/** Sections, each a head and rows: as many numbers as sections, whatever their size. */
export interface SectionPlan extends Plan {
  place(index: number): Place;
}

export function sectionPlan(sections: readonly Section[], head: number, row: number): SectionPlan {
  const firsts = new Float64Array(sections.length + 1);
  const tops = new Float64Array(sections.length + 1);
  sections.forEach((s, i) => {
    firsts[i + 1] = (firsts[i] as number) + 1 + s.rows;
    tops[i + 1] = (tops[i] as number) + head + s.rows * row;
  });
  const count = firsts[sections.length] as number;
  const sectionOf = (index: number) => lastNotAfter(firsts, sections.length, index);
  const place = (index: number): Place => {
    const section = sectionOf(index);
    return { section, row: index - (firsts[section] as number) - 1 };
  };
  return {
    count,
    height: tops[sections.length] as number,
    place,
    top: (index) => {
      const at = place(index);
      return (tops[at.section] as number) + (at.row < 0 ? 0 : head + at.row * row);
    },
    heightOf: (index) => (place(index).row < 0 ? head : row),
    at: (y) => {
      const section = lastNotAfter(tops, sections.length, y);
      const under = y - (tops[section] as number) - head;
      const in_ = under < 0 ? 0 : Math.min(sections[section]?.rows ?? 0, 1 + Math.floor(under / row));
      return Math.max(0, Math.min(count - 1, (firsts[section] as number) + in_));
    },
  };
}

export function visibleSpan(plan: Plan, top: number, height: number, margin: number): Span {
  if (plan.count <= 0) return { first: 0, last: 0 };
  return { first: plan.at(top - margin), last: Math.min(plan.count, plan.at(top + height + margin) + 1) };
}
