// The option table of a unit in the mock, in the shape of GET /api/v1/processes/options. Close to the real one.
const help = (en, zh) => ({ en, zh });
const opt = (name, type, en, zh, more = {}) => ({ name, type, help: help(en, zh), ...more });
const adv = { advanced: true };

export const processOptions = [
  opt('id', 'string', 'Its name in commands and addresses', '命令和地址中使用的名字', { required: true, example: 'ss-001' }),
  opt('name', 'string', 'Its name for people', '便于识别的名称', adv),
  opt('type', 'string', 'What kind of program; a free word', '程序类别，自由填写', { example: 'shadowsocks' }),
  opt('command', 'list', 'Program and arguments', '程序与参数', { required: true, example: '/usr/bin/ss-server' }),
  opt('shell', 'bool', 'Hand the command to /bin/sh', '交给 /bin/sh 执行', { default: false, advanced: true }),
  opt('directory', 'string', 'Working directory', '工作目录', { example: '/srv/app' }),
  opt('user', 'string', 'Run as this user', '运行用户', { example: 'nobody' }),
  opt('group', 'string', 'Run as this group', '运行用户组', adv),
  opt('umask', 'string', 'File mode mask', '文件权限掩码', { example: '022', ...adv }),
  opt('environment', 'map', 'Environment variables', '环境变量', { secret: true }),
  opt('environment_file', 'string', 'File of KEY=VALUE lines', 'KEY=VALUE 格式的文件', adv),
  opt('clean_environment', 'bool', 'Start from a clean environment', '不继承环境变量', { default: false, ...adv }),
  opt('priority', 'section', 'Share of CPU and disk', 'CPU 与磁盘优先级', {
    ...adv,
    options: [
      opt('nice', 'string', 'From -20 to 19', '-20 到 19'),
      opt('io_class', 'enum', 'I/O class', 'I/O 类别', { choices: ['default', 'realtime', 'best-effort', 'idle'], default: 'default' }),
    ],
  }),
  opt('limits', 'section', 'Bounds of what it may use', '资源限制', {
    options: [
      opt('memory', 'size', 'Memory of the whole tree', '整个进程树的内存', { example: '512MiB' }),
      opt('cpu', 'float', 'CPU cores', 'CPU 核数', { example: '1.5' }),
      opt('open_files', 'int', 'Open files', '打开文件数', adv),
      opt('tasks', 'int', 'Processes and threads', '进程与线程数', adv),
      opt('watch_memory', 'size', 'Replace it above this', '超过则替换', adv),
    ],
  }),
  opt('autostart', 'bool', 'Start with Belfry', '随 Belfry 启动', { default: true }),
  opt('start_order', 'int', 'Lower ones first', '数字小的先启动', { default: 0, ...adv }),
  opt('after', 'list', 'Start after these', '在这些程序之后启动', adv),
  opt('requires', 'list', 'Needs these', '依赖的程序', adv),
  opt('replicas', 'int', 'How many of it; the id then has %i', '副本数，id 中需含 %i', { default: 1, min: 1, max: 1000, ...adv }),
  opt('kind', 'enum', 'Runs for ever, or ends', '常驻或一次性', { choices: ['daemon', 'oneshot'], default: 'daemon' }),
  opt('schedule', 'string', 'Cron expression: makes it a job', 'Cron 表达式，成为定时任务', { example: '15 3 * * *' }),
  opt('timezone', 'string', 'Time zone of the schedule', '时区', { example: 'Asia/Shanghai', ...adv }),
  opt('overlap', 'enum', 'When the last run still goes on', '上次仍在运行时', { choices: ['skip', 'queue', 'replace'], default: 'skip', ...adv }),
  opt('ready', 'enum', 'When it counts as started', '何时算已启动', { choices: ['time', 'notify', 'health'], default: 'time' }),
  opt('start_seconds', 'duration', 'It must live so long', '至少存活', { default: '1s' }),
  opt('start_timeout', 'duration', 'It must be ready within', '启动超时', { default: '1m', ...adv }),
  opt('watchdog', 'duration', 'Longest silence of its watchdog', '看门狗间隔', adv),
  opt('health', 'any', 'A probe of Belfry; failing, the program is replaced', 'Belfry 探针，失败则替换程序', { example: '{"url":"tcp://127.0.0.1:8388"}' }),
  opt('restart', 'enum', 'When it is started again', '何时重新启动', { choices: ['always', 'on-failure', 'never'], default: 'always' }),
  opt('success_statuses', 'ranges', 'Exit statuses that are no failure', '不算失败的退出状态', { default: '0', ...adv }),
  opt('restart_delay', 'section', 'How long to wait between restarts', '重启等待', {
    ...adv,
    options: [
      opt('delay', 'duration', 'Before the second in a row', '连续第二次之前', { default: '1s' }),
      opt('max', 'duration', 'At most', '最多', { default: '1m' }),
      opt('growth', 'float', 'Factor from one to the next', '增长倍数', { default: '2', min: 1, max: 10 }),
    ],
  }),
  opt('monitor', 'section', 'What is not said comes from the section', '未填写的沿用全局设置', {
    ...adv,
    options: [
      opt('enable', 'bool', 'Replace it when it dies', '退出时自动替换', { default: true }),
      opt('check_interval', 'duration', 'Look at it every', '检查间隔', { default: '30s' }),
      opt('restart_cooldown', 'duration', 'Between two restarts', '重启冷却', { default: '60s' }),
      opt('max_restarts', 'int', 'Restarts an hour', '每小时最多重启', { default: '10', min: 0, max: 100000 }),
      opt('health_timeout', 'duration', 'Give a probe so long', '健康检查超时', { default: '5s' }),
    ],
  }),
  opt('stop_signal', 'string', 'Asks it to end', '停止信号', { default: 'TERM', choices: ['TERM', 'INT', 'QUIT', 'HUP', 'USR1'], ...adv }),
  opt('stop_timeout', 'duration', 'Then it is killed', '超过则强制结束', { default: '10s' }),
  opt('output', 'section', 'What it prints', '输出', {
    ...adv,
    options: [
      opt('max_size', 'size', 'Rotate at', '轮转大小', { default: '64MiB' }),
      opt('keep', 'int', 'Keep so many files', '保留文件数', { default: '10' }),
      opt('merge', 'bool', 'stderr into stdout', '合并标准错误', { default: false }),
    ],
  }),
  opt('channels', 'list', 'Whom to tell', '通知渠道', adv),
  opt('labels', 'map', 'They go with alerts and metrics', '附加到告警和指标', adv),
];
