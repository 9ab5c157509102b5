// Options in Chinese. The tables name them as YAML does; of those that people meet often there is a Chinese name here, and the
// others stay as they are written in the configuration.
const names = `
expect 期望结果|max_latency 最大延迟|max_latency_action 超时动作|ip_version IP 版本|verify 校验证书|ca_file CA 证书文件|cert_file 证书文件|key_file 密钥文件|server_name 服务器名称
host 主机|hosts 主机|username 用户名|password 密码|port 端口|database 数据库|min_version 最低 TLS 版本|expiry_warning 证书到期预警|expiry_failure 证书到期故障|tls_options TLS 选项|timeout 超时
value 值|op 比较方式|language 语言|title 标题|template 模板|time_zone 时区|timezone 时区|headers 请求头|proxy 代理|path 路径|paths 路径|name 名称|query 查询|queries 查询|statistics 统计项|role 角色|url 地址
max_replication_lag 最大复制延迟|greeting 欢迎语|mention_all 提醒所有人|mentioned_users 提醒用户|mentioned_mobiles 提醒手机号|webhook_url Webhook 地址|secret 签名密钥|keyword 关键词|token 令牌|nodes 节点|bearer Bearer 令牌
min_size 最小大小|max_size 最大大小|min_age 最短未更新时间|max_age 最长未更新时间|warning 预警阈值|critical 严重阈值|command 命令|args 参数|state 状态|status 状态码|method 请求方法|body 请求体|follow_redirects 跟随重定向|max_redirects 最多重定向次数
max_body 响应体上限|body_contains 响应包含|body_not_contains 响应不包含|body_matches 响应匹配正则|body_not_matches 响应不匹配正则|header_rules 响应头规则|http_versions HTTP 版本|json JSON 取值|send 发送内容|mode 模式|version 版本|type 类型
private_key_file 私钥文件|passphrase 私钥口令|host_key 主机公钥|group 分组|groups 分组|topic 主题|topics 主题|brokers Broker 地址|members 成员|match 标签匹配|require 判定方式|need 判定方式|quorum 法定数量|period 周期|schedule 计划|grace 宽限时间|max_duration 最长运行时间
read_only 只读|read_only_ok 允许只读|user_agent User-Agent|compression 压缩|service 服务|metadata 元数据|domain 域名|count 发包数|spacing 发包间隔|size 大小|max_loss 最大丢包率|max_loss_action 丢包动作|dont_fragment 禁止分片
master 主节点|replicas 副本数|min_replicas 最少副本数|persistence 持久化|message 消息|subject 主题|server 服务器|servers 服务器|recursion 递归查询|rcode 响应码|min_answers 最少记录数|records 记录|records_match 记录匹配|records_not_match 记录不匹配
sender 发件人|recipient 收件人|mailbox 邮箱|from 发件人|to 收件人|security 加密方式|banner 欢迎语|exit_status 退出码|output 输出|queue 队列|vhost 虚拟主机|keyspace 键空间|datacenter 数据中心|api_key API 密钥|fingerprint 指纹|issuer 颁发者|filter 过滤条件
max_offset 最大偏差|community 团体名|container 容器|unit 单元|ssl_mode SSL 模式|client_id 客户端 ID|client_secret 客户端密钥|scopes 权限范围|directory 工作目录|environment 环境变量|environment_file 环境变量文件
shell 用 Shell 执行|user 运行用户|priority 优先级|limits 资源限制|open_files 打开文件数|processes 进程数|memory 内存|cpu CPU|tasks 任务数|autostart 自动启动|after 启动顺序|requires 依赖|kind 类别|overlap 重叠运行|catch_up 补跑|run_timeout 运行时限
ready 就绪条件|start_timeout 启动超时|stop_signal 停止信号|stop_timeout 停止超时|restart 重启策略|restart_delay 重启间隔|delay 延迟|monitor 监护|enable 启用|check_interval 检查间隔|max_restarts 最多重启次数|health 健康检查|health_timeout 健康检查超时
format 格式|keep 保留份数|keep_days 保留天数|compress 压缩|labels 标签|enabled 启用|channels 通知渠道|min_free 最少剩余空间|swap 交换空间|inodes inode|used 已用比例
`;

const table: ReadonlyMap<string, string> = new Map(names.trim().split(/[|\n]/).map((entry) => [entry.slice(0, entry.indexOf(' ')), entry.slice(entry.indexOf(' ') + 1)]));

export function chineseName(option: string): string | undefined {
  return table.get(option);
}
