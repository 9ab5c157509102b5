// One chunk: what people look at all day besides the overview. Views that are wanted together travel together, since each chunk more
// is a request more and packs worse (twenty-seven of them were 33 kB larger than these few).
export { TargetView } from './target';
export { TargetEdit } from './target-edit';
export { default as AlertsView } from './alerts';
export { default as AlertHistory } from './alert-history';
export { default as ExploreView } from './explore';
export { default as ReportsView } from './reports';
export { default as Help } from './help';
