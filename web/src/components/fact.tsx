import type { ComponentChildren } from 'preact';
import { t } from '../i18n';

interface FactProps {
  name: string;
  children: ComponentChildren;
  title?: string | undefined;
  wide?: 'wide' | 'wider' | 'whole';
}

/** One line of a list of facts, `<dl class="facts">`. */
export function Fact({ name, children, title, wide }: FactProps) {
  return (
    <div class={`fact ${wide ?? ''}`} title={title}>
      <dt>{name}</dt>
      <dd>{children}</dd>
    </div>
  );
}

/** Nothing where there are no labels. */
export function LabelsFact({ labels }: { labels: Record<string, string> | undefined }) {
  const pairs = Object.entries(labels ?? {});
  if (pairs.length === 0) return null;
  return (
    <Fact name={t('target.labels')}>
      {pairs.map(([k, v]) => (
        <span class="chip" key={k}>
          {k}={v}
        </span>
      ))}
    </Fact>
  );
}
