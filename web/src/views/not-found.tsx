// An address that names nothing.
import { Empty, LinkButton } from '../components/basics';
import { t } from '../i18n';
import { href } from '../router';

export function NotFound() {
  return (
    <Empty whole icon="search" title={t('error.notFound')} hint={t('error.notFound.hint')}>
      <LinkButton kind="primary" href={href('/')}>
        {t('error.toOverview')}
      </LinkButton>
    </Empty>
  );
}
