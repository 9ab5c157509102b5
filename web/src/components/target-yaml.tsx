// The same target as it would stand in belfry.yaml, to copy. Secrets stay masked.
import type { Json, Target } from '../api/types';
import { t } from '../i18n';
import '../i18n/more';
import { targetYaml } from '../lib/target-yaml';
import { channels } from '../store';
import { Card, CopyButton } from './basics';

export function TargetYaml({ target }: { target: Target }) {
  const names = (target.notify_channel_ids ?? []).map((id) => channels.items.find((c) => c.id === id)?.name).filter((n): n is string => n !== undefined);
  const text = targetYaml(target, names as Json[] as string[]);
  return (
    <Card title={t('target.yaml')} aside={<CopyButton kind="quiet" text={text} />} class="config-card">
      <details class="yaml-fold">
        <summary>{t('target.yaml.show')}</summary>
        <pre class="yaml" tabIndex={0}>
          <code>{text}</code>
        </pre>
      </details>
    </Card>
  );
}
