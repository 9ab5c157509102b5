// Probers and channel types of the mock: option tables in the shape of GET /api/v1/probers. Close to
// the real ones, so that every kind of field occurs.
const help = (en, zh) => ({ en, zh });
const opt = (name, type, en, zh, more = {}) => ({ name, type, help: help(en, zh), ...more });

const tls = [
  opt('tls', 'bool', 'Speak TLS', '使用 TLS', { default: 'false' }),
  opt('tls_verify', 'bool', 'Check the certificate', '校验证书', { default: 'true', advanced: true }),
  opt('tls_ca_file', 'string', 'Trust this authority', '信任的 CA 文件', { advanced: true }),
];
const hostPort = (port) => [
  opt('host', 'string', 'Name or address', '主机名或地址', { required: true, example: '10.0.0.5' }),
  opt('port', 'int', 'Port', '端口', port ? { default: String(port), min: 1, max: 65535 } : { required: true, min: 1, max: 65535 }),
];
const login = [
  opt('username', 'string', 'User', '用户名'),
  opt('password', 'string', 'Password', '密码', { secret: true }),
];

const described = [
  {
    type: 'http',
    title: help('HTTP(S)', 'HTTP(S)'),
    help: help('Requests a URL and judges the answer.', '请求一个 URL 并判断响应。'),
    schemes: ['http', 'https'],
    options: [
      opt('url', 'string', 'Address', '地址', { required: true, example: 'https://shop.example.com/health' }),
      opt('method', 'enum', 'Request method', '请求方法', { default: 'GET', choices: ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'] }),
      opt('headers', 'map', 'Request headers', '请求头', { advanced: true }),
      opt('body', 'text', 'Request body', '请求体', { advanced: true }),
      opt('follow_redirects', 'bool', 'Follow redirects', '跟随重定向', { default: 'true', advanced: true }),
      opt('max_redirects', 'int', 'At most this many', '最多重定向次数', { default: '10', min: 0, max: 50, advanced: true }),
      opt('bearer_token', 'string', 'Bearer token', 'Bearer 令牌', { secret: true, advanced: true }),
      opt('max_body', 'size', 'Read at most', '最多读取', { default: '10MB', min: 1, max: 1e9, advanced: true }),
      opt('ip_version', 'enum', 'IP version', 'IP 版本', { default: 'any', choices: ['any', '4', '6'], advanced: true }),
      opt('expect', 'section', 'What a good answer is', '怎样的响应算正常', {
        options: [
          opt('status', 'ranges', 'Status codes', '状态码', { default: '200-299' }),
          opt('body_contains', 'string', 'The body contains', '响应体包含'),
          opt('max_latency', 'duration', 'Slower is a warning', '更慢则警告', { min: 1, max: 3600000, example: '800ms' }),
          opt('body_not_contains', 'list', 'The body contains none of', '响应体不包含', { advanced: true }),
          opt('headers', 'sections', 'Header checks', '响应头检查', {
            advanced: true,
            options: [
              opt('name', 'string', 'Header', '响应头', { required: true }),
              opt('regex', 'string', 'Matches', '匹配', { required: true }),
            ],
          }),
        ],
      }),
    ],
  },
  {
    type: 'tcp',
    title: help('TCP', 'TCP'),
    help: help('Opens a connection; may hold a dialogue.', '建立连接，可进行对话。'),
    schemes: ['tcp', 'tls'],
    options: [
      ...hostPort(0),
      ...tls,
      opt('dialogue', 'sections', 'Send and expect, in turn', '依次发送与期待', {
        advanced: true,
        options: [opt('send', 'text', 'Send', '发送'), opt('expect', 'string', 'Expect (regular expression)', '期待（正则）')],
      }),
    ],
  },
  {
    type: 'icmp',
    title: help('Ping (ICMP)', 'Ping（ICMP）'),
    help: help('Sends echo requests; measures loss and jitter.', '发送回显请求，测量丢包与抖动。'),
    schemes: ['icmp', 'ping'],
    options: [
      hostPort(0)[0],
      opt('count', 'int', 'Echoes per check', '每次检查的回显数', { default: '3', min: 1, max: 100 }),
      opt('max_loss', 'float', 'Fail above this loss', '丢包率超过则失败', { default: '0.5', min: 0, max: 1, advanced: true }),
      opt('size', 'size', 'Payload', '载荷大小', { default: '56', min: 0, max: 65500, unit: 'bytes', advanced: true }),
    ],
  },
  {
    type: 'dns',
    title: help('DNS', 'DNS'),
    help: help('Asks a server for a name and judges the answer.', '向服务器查询名称并判断应答。'),
    schemes: ['dns'],
    options: [
      opt('server', 'string', 'Server', '服务器', { example: '10.0.0.2:53' }),
      opt('name', 'string', 'Name to ask for', '查询名称', { required: true }),
      opt('type', 'enum', 'Record type', '记录类型', { default: 'A', choices: ['A', 'AAAA', 'CNAME', 'MX', 'NS', 'PTR', 'SOA', 'SRV', 'TXT'] }),
      opt('expect', 'list', 'Expected records', '期望的记录', { advanced: true }),
    ],
  },
  ...[
    ['postgresql', 'PostgreSQL', 5432, ['postgresql', 'postgres']],
    ['mysql', 'MySQL', 3306, ['mysql']],
    ['redis', 'Redis', 6379, ['redis', 'rediss']],
  ].map(([type, title, port, schemes]) => ({
    type,
    title: help(title, title),
    help: help('Connects and runs a query.', '连接并执行查询。'),
    schemes,
    options: [
      ...hostPort(port),
      ...login,
      opt('database', 'string', 'Database', '数据库'),
      opt('query', 'text', 'Query', '查询语句', { default: 'SELECT 1', advanced: true }),
    ],
  })),
  {
    type: 'kafka',
    title: help('Kafka', 'Kafka'),
    help: help('Reads the lag of a consumer group.', '读取消费组的延迟。'),
    schemes: ['kafka'],
    options: [
      opt('brokers', 'list', 'Brokers', 'Broker 列表', { required: true }),
      opt('group', 'string', 'Consumer group', '消费组'),
      opt('max_lag', 'int', 'Fail above this lag', '延迟超过则失败', { min: 0, max: 1e12 }),
    ],
  },
  {
    type: 'smtp',
    title: help('Mail server (SMTP)', '邮件服务器（SMTP）'),
    help: help('Greets a mail server; may sign in.', '与邮件服务器打招呼，可登录。'),
    schemes: ['smtp', 'smtps'],
    options: [...hostPort(25), ...login],
  },
  {
    type: 'disk',
    title: help('Disk space', '磁盘空间'),
    help: help('How full a file system of this host is.', '本机文件系统的使用率。'),
    schemes: [],
    options: [opt('path', 'string', 'A path on it', '其上的路径', { required: true, example: '/var' }), opt('max_used', 'float', 'Fail above this share', '使用率超过则失败', { default: '0.9', min: 0, max: 1 })],
  },
  {
    type: 'exec',
    title: help('Command', '命令'),
    help: help("Runs a program and judges its exit code, as Nagios' plugins have it.", '运行程序并按退出码判断，同 Nagios 插件。'),
    schemes: ['exec'],
    options: [opt('command', 'list', 'Program and arguments', '程序与参数', { required: true })],
  },
  {
    type: 'push',
    in_core: true,
    title: help('Job heartbeat (push)', '任务心跳（推送）'),
    help: help('A job reports to an address of its own each time it ran: late, failed or hanging is down.', '任务每次运行后向专属地址报告；迟到、失败或卡住即为故障。'),
    schemes: [],
    options: [
      opt('period', 'duration', 'How often the job is to be heard of. Either this or a schedule.', '任务应多久报告一次；与 schedule 二选一。', { min: 1000, example: '1h' }),
      opt('schedule', 'string', 'When the job runs, as a cron expression; it is to be heard of after each time.', '任务的运行时间（cron 表达式）；每次之后都应收到报告。', { example: '0 3 * * *' }),
      opt('timezone', 'string', "Time zone of the schedule; empty: this machine's.", 'schedule 所用的时区；留空为本机时区。', { example: 'Asia/Shanghai' }),
      opt('grace', 'duration', 'How much later than expected it may come before it counts as missing.', '允许迟到多久，超过即视为缺失。', { default: '5m' }),
      opt('max_duration', 'duration', 'How long a run that said /start may take; 0: until the next one is late.', '报告过 /start 的一次运行最长可用多久；0 表示直到下一次迟到为止。', { default: '0' }),
      opt('token', 'string', 'The secret part of its address; given by Belfry when absent.', '报告地址中的密文部分；缺省由 Belfry 生成。', { secret: true, advanced: true }),
    ],
  },
  {
    type: 'group',
    in_core: true,
    title: help('Group of targets', '目标组合'),
    help: help('Other targets judged as one: all of them, any, or so many must be healthy.', '把多个目标作为一个整体判断：全部、任一或达到一定数量正常。'),
    schemes: [],
    options: [
      opt('members', 'list', 'Targets by name, or group/name', '目标名称，或 分组/名称'),
      opt('match', 'string', 'Targets whose labels fit as well', '标签匹配的目标', { example: '{env="prod"}' }),
      opt('need', 'enum', 'How many must be healthy', '需要多少个正常', { default: 'all', choices: ['all', 'any', 'quorum'] }),
      opt('quorum', 'string', 'Of need: quorum, a number or a percentage', 'need 为 quorum 时：数量或百分比', { example: '66%' }),
    ],
  },
];

const kinds = {
  web: help('Web', '网站'),
  network: help('Network', '网络'),
  database: help('Databases', '数据库'),
  queue: help('Queues and streams', '消息队列'),
  store: help('Caches and coordination', '缓存与协调'),
  mail: help('Mail and files', '邮件与文件传输'),
  host: help('This host', '本机'),
  job: help('Jobs and groups', '任务与组合'),
};
const kindOf = { http: 'web', tcp: 'network', icmp: 'network', dns: 'network', redis: 'store', kafka: 'queue', smtp: 'mail', disk: 'host', exec: 'host', push: 'job', group: 'job' };

export const probers = described.map((p) => {
  const kind = kindOf[p.type] ?? 'database';
  return { ...p, kind, kind_title: kinds[kind] };
});

const language = opt('language', 'enum', 'Language of the messages', '消息语言', { default: 'zh', choices: ['zh', 'en'], advanced: true });
const template = opt('template', 'text', 'Own template', '自定义模板', { advanced: true });
const robot = (type, title, more = []) => ({
  type,
  title,
  help: help('A robot in a group chat.', '群聊机器人。'),
  options: [
    opt('webhook_url', 'string', "The robot's address", '机器人地址', { required: true, secret: true }),
    ...more,
    opt('mention_all', 'bool', 'Mention everyone', '@所有人', { default: 'false' }),
    language,
    template,
  ],
});
const sign = [opt('secret', 'string', 'Signature', '加签密钥', { secret: true })];

export const channelTypes = [
  robot('wecom', help('WeCom', '企业微信')),
  robot('dingtalk', help('DingTalk', '钉钉'), sign),
  robot('feishu', help('Feishu', '飞书'), sign),
  robot('slack', help('Slack', 'Slack')),
  {
    type: 'email',
    title: help('Mail', '邮件'),
    help: help('By SMTP, plain and HTML.', '通过 SMTP 发送，纯文本与 HTML。'),
    options: [
      opt('host', 'string', 'SMTP server', 'SMTP 服务器', { required: true }),
      opt('port', 'int', 'Port', '端口', { default: '587', min: 1, max: 65535 }),
      opt('security', 'enum', 'Encryption', '加密', { default: 'starttls', choices: ['none', 'starttls', 'tls'] }),
      ...login,
      opt('from', 'string', 'Sender', '发件人', { required: true }),
      opt('to', 'list', 'Recipients', '收件人', { required: true }),
      language,
      template,
    ],
  },
  {
    type: 'webhook',
    title: help('Webhook', 'Webhook'),
    help: help("Alertmanager's JSON, version 4.", 'Alertmanager 第 4 版 JSON。'),
    options: [
      opt('webhook_url', 'string', 'Address', '地址', { required: true }),
      opt('headers', 'map', 'Headers', '请求头', { advanced: true }),
    ],
  },
  {
    type: 'exec',
    title: help('Command', '命令'),
    help: help('Runs a program with the alert on its input.', '运行程序，告警从标准输入传入。'),
    options: [opt('command', 'list', 'Program and arguments', '程序与参数', { required: true })],
  },
];
