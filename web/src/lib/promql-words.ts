// A word of help for what is no function: those come with theirs from the server. Name, English, Chinese.
const table: [string, string, string][] = [
  ['sum', 'Sum over series', '对各序列求和'],
  ['avg', 'Mean over series', '对各序列求平均'],
  ['count', 'Number of series', '序列的个数'],
  ['min', 'Least value', '最小值'],
  ['max', 'Greatest value', '最大值'],
  ['topk', 'The k greatest: topk(k, v)', '最大的 k 个：topk(k, v)'],
  ['bottomk', 'The k least: bottomk(k, v)', '最小的 k 个：bottomk(k, v)'],
  ['quantile', 'Quantile over series: quantile(0.9, v)', '跨序列的分位数：quantile(0.9, v)'],
  ['stddev', 'Standard deviation over series', '跨序列的标准差'],
  ['stdvar', 'Variance over series', '跨序列的方差'],
  ['group', '1 for each group', '每组给出 1'],
  ['count_values', 'Series by value: count_values("label", v)', '按取值计数：count_values("标签", v)'],
  ['limitk', 'Any k series', '任取 k 条序列'],
  ['limit_ratio', 'Any share of the series', '任取一定比例的序列'],
  ['by', 'Keeps these labels', '只保留这些标签'],
  ['without', 'Drops these labels', '去掉这些标签'],
  ['on', 'Matches by these labels alone', '只按这些标签匹配'],
  ['ignoring', 'Matches by all other labels', '按其余标签匹配'],
  ['group_left', 'Many on the left match one', '左侧多条对应右侧一条'],
  ['group_right', 'Many on the right match one', '右侧多条对应左侧一条'],
  ['and', 'What both sides have', '两侧都有的'],
  ['or', 'What either side has', '任一侧有的'],
  ['unless', 'What only the left side has', '只有左侧有的'],
  ['atan2', 'Arc tangent of left by right', '左除以右的反正切'],
  ['offset', 'As it was that long ago', '这么久之前的值'],
  ['bool', '0 or 1 instead of a filter', '给出 0 或 1，而不是过滤'],
];

export function wordHelp(name: string, chinese: boolean): string {
  return table.find((row) => row[0] === name)?.[chinese ? 2 : 1] ?? '';
}
