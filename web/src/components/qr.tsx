import { qrCode } from '../lib/qr';

/** Always dark on light, with the margin that readers need, in either theme. */
export function QrCode({ text, label }: { text: string; label: string }) {
  const picture = qrCode(text);
  if (!picture) return null;
  const size = picture.length + 8;
  const path = picture
    .flatMap((row, y) => row.flatMap((on, x) => (on ? `M${x + 4} ${y + 4}h1v1h-1z` : [])))
    .join('');
  return (
    <svg class="qr" viewBox={`0 0 ${size} ${size}`} role="img" aria-label={label} shape-rendering="crispEdges">
      <path class="qr-back" d={`M0 0h${size}v${size}h-${size}z`} />
      <path class="qr-dots" d={path} />
    </svg>
  );
}
