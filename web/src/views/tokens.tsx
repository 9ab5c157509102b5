// API tokens: one's own, and everybody's for an administrator.
import { useState } from 'preact/hooks';
import { access } from '../api/access';
import { Button, Card, Failure, Loading, PageHead } from '../components/basics';
import { SettingsNav } from '../components/sections';
import { TokenForm, TokenTable } from '../components/token-list';
import { t } from '../i18n';
import { useLoad } from '../lib/hooks';
import { may } from '../store/session';

export default function TokensView() {
  const list = useLoad(() => access.tokens(), []);
  const [adding, setAdding] = useState(false);
  return (
    <div class="tokens-view">
      <SettingsNav current="/tokens" />
      <PageHead title={t('nav.tokens')}>
        {!adding && (
          <Button id="add-token" kind="primary" icon="plus" onClick={() => setAdding(true)}>
            {t('tokens.add')}
          </Button>
        )}
      </PageHead>
      {adding && (
        <TokenForm
          onCancel={() => setAdding(false)}
          onMade={() => {
            setAdding(false);
            list.reload();
          }}
        />
      )}
      {list.error && <Failure error={list.error} onRetry={list.reload} />}
      {!list.data && list.busy && <Loading />}
      {list.data && (
        <Card>
          <TokenTable items={list.data.items} owners={may('admin')} onChange={list.reload} />
        </Card>
      )}
    </div>
  );
}
