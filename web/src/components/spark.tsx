// A line of the last samples, without axes: it shows whether something grows. The number beside it says how much.
const width = 64;
const height = 18;

export function Spark({ values, label }: { values: readonly number[] | undefined; label: string }) {
  if (!values || values.length < 2) return <svg class="spark" viewBox={`0 0 ${width} ${height}`} aria-hidden="true" />;
  const top = Math.max(...values);
  const bottom = Math.min(...values);
  // Noise of a few percent must not look like a mountain.
  const room = Math.max(top - bottom, top * 0.1) || 1;
  const low = Math.max(0, (top + bottom - room) / 2);
  const step = width / (values.length - 1);
  const points = values.map((v, i) => `${(i * step).toFixed(1)} ${(height - 2 - ((v - low) / room) * (height - 4)).toFixed(1)}`);
  const line = `M${points.join('L')}`;
  return (
    <svg class="spark" viewBox={`0 0 ${width} ${height}`} role="img" aria-label={label} preserveAspectRatio="none">
      <path class="spark-area" d={`${line}L${width} ${height}L0 ${height}z`} />
      <path class="spark-line" d={line} />
    </svg>
  );
}
