export { ChannelEdit as default } from './channels';
