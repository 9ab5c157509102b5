// One chunk: what is set up once and seldom changed, and the way in. See chunk-watch.ts.
export { default as SilencesView } from './silences';
export { default as MaintenanceView } from './maintenance';
export { default as MaintenanceEdit } from './maintenance-edit';
export { default as ChannelsView } from './channels';
export { default as ChannelEdit } from './channel-edit';
export { default as StatusPagesView } from './status-pages';
export { default as StatusPageEdit } from './status-page-edit';
export { default as IncidentEdit } from './incident-edit';
export { default as UsersView } from './users';
export { default as UserEdit } from './user-edit';
export { default as TokensView } from './tokens';
export { default as AuditView } from './audit';
export { default as SystemView } from './system';
export { default as ConfigView } from './config';
export { default as AccountView } from './account';
export { default as LoginView } from './login';
export { default as SetupView } from './setup';
