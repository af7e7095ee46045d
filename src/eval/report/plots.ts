// The report's curves as SVG files. ECharts draws SVG text without a browser or a canvas; it is a development
// dependency, loaded only when plots are asked for.
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { EChartsOption } from 'echarts'
import { errors } from '../../errors.ts'
import type { Report } from './report.ts'

export interface Plot { readonly file: string, readonly option: EChartsOption }

interface Curve { readonly name: string, readonly points: ReadonlyArray<readonly [number, number]> }
interface Axis { readonly name: string, readonly log?: boolean, readonly min?: number, readonly max?: number }

const SIZE = { width: 720, height: 480 }

/** The plots for which the report has data. */
export function plotsOf (report: Report): Plot[] {
  const share: Omit<Axis, 'name'> = { min: 0, max: 1 }
  const plots: Array<Plot & { empty: boolean }> = [
    // NOTE: a logarithmic axis has no 0, so points with an FPIR of 0 are left out.
    {
      file: 'open-set.svg',
      empty: report.openSetCurve.length === 0,
      option: curves('Open set', { name: 'FPIR', log: true, max: 1 }, { name: 'TPIR', ...share }, [
        { name: report.rows[0]!.name, points: report.openSetCurve.filter(p => p.fpir > 0).map(p => [p.fpir, p.tpir]) }
      ])
    },
    {
      file: 'reliability.svg',
      empty: report.calibration.bins.length === 0,
      option: curves('Reliability', { name: 'stated probability', ...share }, { name: 'share right', ...share }, [
        { name: 'observed', points: report.calibration.bins.map(b => [b.stated, b.observed]) },
        {
          name: 'perfect',
          points: [
            [0, 0],
            [1, 1]
          ]
        }
      ])
    },
    {
      file: 'rerank-k.svg',
      empty: report.rerankSweep.length === 0,
      option: curves(
        'Reranking the first K',
        { name: 'K', log: true, min: 1 },
        { name: 'R@1' },
        grouped(
          report.rerankSweep,
          p => p.row,
          p => [p.k, p.recall1]
        )
      )
    },
    {
      file: 'overlap.svg',
      empty: report.overlap.length === 0,
      option: curves(
        'Top K in common',
        { name: 'K', log: true, min: 1 },
        { name: 'share' },
        grouped(
          report.overlap,
          p => p.spaces.join(' and '),
          p => [p.k, p.share]
        )
      )
    }
  ]
  return plots.filter(p => !p.empty).map(({ file, option }) => ({ file, option }))
}

/** @returns the names of the files written into `folder`. @throws VEL_ERR_INPUT where the plotting library is not installed. */
export async function writePlots (plots: readonly Plot[], folder: string): Promise<string[]> {
  for (const { file, option } of plots) await writeFile(join(folder, file), await renderSvg(option))
  return plots.map(p => p.file)
}

export async function renderSvg (option: EChartsOption): Promise<string> {
  const echarts = await import('echarts').catch(() => {
    throw errors.input('the plotting library for --plots', 'an installation without development dependencies; run npm install echarts')
  })
  const chart = echarts.init(null, null, { renderer: 'svg', ssr: true, ...SIZE })
  try {
    chart.setOption({ ...option, animation: false, backgroundColor: '#fff' })
    return chart.renderToSVGString()
  } finally {
    chart.dispose()
  }
}

/** A line chart with a legend. */
export function curves (title: string, x: Axis, y: Axis, lines: readonly Curve[]): EChartsOption {
  const axis = ({ name, log, min, max }: Axis): object => ({
    type: log === true ? 'log' : 'value',
    name,
    nameLocation: 'middle',
    nameGap: 36,
    ...(min !== undefined && { min }),
    ...(max !== undefined && { max }),
    scale: true
  })
  return {
    title: { text: title, left: 'center' },
    legend: { bottom: 0, data: lines.map(l => l.name) },
    grid: { left: 64, right: 24, top: 48, bottom: 80 },
    xAxis: axis(x),
    yAxis: axis(y),
    series: lines.map(({ name, points }) => ({ type: 'line', name, symbolSize: points.length > 40 ? 0 : 6, data: points.map(p => [...p]) }))
  }
}

export function grouped<T> (items: readonly T[], name: (item: T) => string, point: (item: T) => readonly [number, number]): Curve[] {
  return [...new Set(items.map(name))].map(n => ({ name: n, points: items.filter(i => name(i) === n).map(point) }))
}
