// Faces and texts end to end: `vel kb build` embeds both, `vel serve` ranks by each mode and order as its definition says,
// over HTTP. CLIP is the fixture of known answers (a picture is its mean colour, a text the sum of its words' colours);
// faces are real ones.
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import sharp from 'sharp'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { openIndexFor } from '../../src/startup.ts'
import { readIndexManifest } from '../../src/kb/storage/read-manifest.ts'
import { readPackManifest, type PackManifest } from '../../src/packs/manifest.ts'
import { WORDS, type Colour } from '../helpers/colours.ts'
import { makeFixturePack } from '../helpers/fixture-pack.ts'
import { describeWithShared, shared } from '../helpers/shared.ts'
import { serve, vel, type Served } from '../helpers/vel.ts'

interface Person { readonly id: string, readonly name: string, readonly description: string }
interface Found {
  readonly rank: number
  readonly id: string
  readonly score: number
  readonly similarity: { readonly face?: number, readonly text?: number }
}
interface Mention { readonly status: string, readonly candidates: readonly Found[] }

const SECRET = 'a-secret-of-the-newsroom'
/** The first seven have a photo, in the order of the news set; the others have none. */
const PEOPLE: readonly Person[] = ([
  ['red', ''], ['green', 'yellow'], ['blue', ''], ['yellow', 'red'], ['magenta', ''], ['cyan', 'white'], ['red', 'white'],
  ['white', ''], ['black', ''], ['magenta', 'red'], ['blue', 'cyan'], ['green', 'blue']
] as const).map(([name, description], i) => ({ id: `Q${i + 1}`, name, description }))
const WITH_PHOTO = 7

const unit = (v: readonly number[]): number[] => v.map(x => x / Math.hypot(...v))
const cosine = (a: readonly number[], b: readonly number[]): number => unit(a).reduce((sum, x, i) => sum + x * unit(b)[i]!, 0)
/** The fixture's embedding of a text: the sum of its words' colours. */
const colourOf = (text: string): Colour =>
  text.split(/\W+/).reduce<Colour>(
    ([r, g, b], word) => {
      const [x, y, z] = WORDS[word] ?? [0, 0, 0]
      return [r + x, g + y, b + z]
    },
    [0, 0, 0]
  )
const textOf = ({ name, description }: Pick<Person, 'name' | 'description'>): string => `${name} ${description}`
const ids = (list: ReadonlyArray<{ readonly id: string }>): string[] => list.map(({ id }) => id)

describeWithShared('an index of faces and texts', () => {
  let dir: string
  let env: Record<string, string>
  let server: Served
  let picture: Buffer
  let similarities: ReadonlyMap<string, Found['similarity']>

  /** A person's photo on a large canvas of a colour. */
  async function canvas (photo: string, colour: { r: number, g: number, b: number }): Promise<Buffer> {
    const input = await readFile(new URL(`data/news/photos/${photo}`, shared))
    return await sharp({ create: { width: 900, height: 900, channels: 3, background: colour } })
      .composite([{ input, left: 325, top: 325 }])
      .png()
      .toBuffer()
  }

  async function link (query: string, image = picture, { origin } = server): Promise<Mention> {
    const reply = await fetch(`${origin}/link?${query}`, {
      method: 'POST',
      body: new Uint8Array(image),
      headers: { 'content-type': 'image/png', 'x-api-key': SECRET }
    })
    const { mentions } = await reply.json() as { mentions: Mention[] }
    expect([reply.status, mentions.length]).toEqual([200, 1])
    return mentions[0]!
  }
  const problem = async (query: string, { origin } = server): Promise<{ status: number, code: string, detail: string }> =>
    (await (
      await fetch(`${origin}/link?${query}`, {
        method: 'POST',
        body: new Uint8Array(picture),
        headers: { 'content-type': 'image/png', 'x-api-key': SECRET }
      })
    ).json()) as { status: number, code: string, detail: string }
  const ready = async ({ origin } = server): Promise<{ modes: string[] }> =>
    (await (await fetch(`${origin}/health/ready`)).json()) as { modes: string[] }
  const change = async (method: string, path: string, body?: object): Promise<number> =>
    (
      await fetch(server.origin + path, {
        method,
        headers: { 'x-api-key': SECRET, ...(body === undefined ? {} : { 'content-type': 'application/json' }) },
        body: body === undefined ? null : JSON.stringify(body)
      })
    ).status

  beforeAll(async () => {
    dir = await mkdtemp(join(tmpdir(), 'vel-texts-'))
    const pack = await makeFixturePack(join(dir, 'models'), { context: 'image' })
    env = { MODELS_DIR: pack.modelsDir, MODEL_PACK: pack.name, INDEX_DIR: join(dir, 'index') }
    const news = (await readFile(new URL('data/news/entities.jsonl', shared), 'utf8'))
      .split('\n')
      .slice(0, WITH_PHOTO)
      .map(line => fileURLToPath(new URL(`data/news/${(JSON.parse(line) as { images: [string] }).images[0]}`, shared)))
    await writeFile(
      join(dir, 'entities.jsonl'),
      PEOPLE.map((person, i) => JSON.stringify({ ...person, images: news.slice(i, i + 1) })).join('\n')
    )
    const built = await vel(
      ['kb', 'build', '--entities', join(dir, 'entities.jsonl'), '--out', env['INDEX_DIR']!, '--texts', 'name,name_description'],
      env
    )
    expect([built.code, built.stderr], built.stderr).toEqual([
      0,
      expect.stringMatching(/Embedding names with descriptions .*100% \| 12\/12 texts \| .*\/s/) as string
    ])
    expect(built.stdout).toMatch(/name_description *│ 12 vectors of 8 numbers/)
    server = await serve({ ...env, API_KEYS: `desk:${SECRET}:link+kb:write,public:another-secret-of-ours:link` })
    picture = await canvas('Abdullah_Gul_0002.jpg', { r: 250, g: 150, b: 40 })
  }, 180_000)
  afterAll(async () => {
    await server?.stop()
    await rm(dir, { recursive: true })
  })

  /** All people's similarities, from the replies of both modes: every ranking follows from them. */
  async function allSimilarities (image = picture): Promise<ReadonlyMap<string, Found['similarity']>> {
    const [faces, texts] = [await link('mode=v2v&topK=100', image), await link('mode=v2t&topK=100', image)]
    const all = new Map<string, Found['similarity']>()
    for (const { id, similarity } of [...faces.candidates, ...texts.candidates]) all.set(id, { ...all.get(id), ...similarity })
    return all
  }
  type Modality = keyof Found['similarity']
  const having = (modality: Modality, among = similarities): string[] =>
    [...among]
      .filter(([, s]) => s[modality] !== undefined)
      .sort(([, a], [, b]) => b[modality]! - a[modality]!)
      .map(([id]) => id)
  /** The definition: the first k of one modality by the other, then those without it, then the rest. */
  function reranked (first: Modality, second: Modality, k: number): string[] {
    const list = having(first)
    const top = new Set(list.slice(0, k))
    return [
      ...having(second).filter(id => top.has(id)),
      ...list.filter(id => top.has(id) && similarities.get(id)![second] === undefined),
      ...list.slice(k)
    ]
  }
  function fused (k: number, weights = { face: 0.5, text: 0.5 }): Array<readonly [string, number]> {
    const union = [...new Set([...having('face').slice(0, k), ...having('text').slice(0, k)])]
    const z = (modality: Modality): (id: string) => number => {
      const values = union.flatMap(id => similarities.get(id)![modality] ?? [])
      const mean = values.reduce((a, b) => a + b) / values.length
      const sd = Math.sqrt(values.reduce((a, b) => a + (b - mean) ** 2, 0) / values.length)
      return id => similarities.get(id)![modality] === undefined || sd < 1e-6 ? 0 : (similarities.get(id)![modality]! - mean) / sd
    }
    const [zFace, zText] = [z('face'), z('text')]
    return union.map(id => [id, weights.face * zFace(id) + weights.text * zText(id)] as const).sort((a, b) => b[1] - a[1])
  }
  const KS = PEOPLE.map((_, i) => i + 1)

  test('serves every mode, and takes both modalities where none is asked for', async () => {
    expect((await ready()).modes).toEqual(['v2v', 'v2t', 'v2vt'])
    expect((await link('')).candidates).toEqual((await link('mode=v2vt&order=fusion')).candidates)
    expect((await link('topK=100')).candidates.map(c => c.id).toSorted()).toEqual(ids(PEOPLE).toSorted())
  })

  test('v2v ranks those with a photo by face, v2t everyone by text as the known answers say', async () => {
    similarities = await allSimilarities()
    expect(having('face')).toHaveLength(WITH_PHOTO)
    expect(having('face')[0]).toBe('Q1')
    const { channels } = await sharp(picture).stats()
    const mean = channels.slice(0, 3).map(c => c.mean / 127.5 - 1)
    const known = PEOPLE.map(person => ({ id: person.id, similarity: cosine(colourOf(textOf(person)), mean) })).sort(
      (a, b) => b.similarity - a.similarity
    )
    expect(having('text')).toEqual(ids(known))
    for (const { id, similarity } of known) expect(similarities.get(id)!.text).toBeCloseTo(similarity, 2)
  })

  test.each([
    ['face-text', 'face', 'text'],
    ['text-face', 'text', 'face']
  ] as const)('v2vt %s is its definition for every rerankK', async (order, first, second) => {
    for (const rerankK of [...KS, 600, 1_000_000]) {
      const { candidates } = await link(`mode=v2vt&order=${order}&rerankK=${rerankK}&topK=100`)
      expect(ids(candidates), `rerankK ${rerankK}`).toEqual(reranked(first, second, rerankK))
      for (const { id, similarity } of candidates) expect(similarity).toEqual(similarities.get(id))
    }
    const all = ids((await link(`mode=v2vt&order=${order}&rerankK=${PEOPLE.length}&topK=100`)).candidates)
    const alone = having(second).filter(id => similarities.get(id)![first] !== undefined)
    expect(all.slice(0, alone.length)).toEqual(alone)
  })

  test('v2vt fusion is its formula for every rerankK, and weighs as the index says after a reload', async () => {
    const expectFused = async (k: number, weights?: { face: number, text: number }): Promise<void> => {
      const { candidates } = await link(`mode=v2vt&order=fusion&rerankK=${k}&topK=${k}`)
      const expected = fused(k, weights).slice(0, k)
      expect((await link(`mode=v2vt&order=fusion&rerankK=1&topK=${k}`)).candidates).toEqual(candidates)
      expect(ids(candidates), `rerankK ${k}`).toEqual(expected.map(([id]) => id))
      candidates.forEach((c, i) => { expect(c.score).toBeCloseTo(expected[i]![1], 4) })
    }
    for (const k of KS) await expectFused(k)
    const weighed = await vel(['kb', 'weigh', env['INDEX_DIR']!, '--face', '0.1', '--text', '0.9'], env)
    expect([weighed.code, weighed.stderr]).toEqual([0, ''])
    expect(await change('POST', '/index/reload')).toBe(200)
    for (const k of KS) await expectFused(k, { face: 0.1, text: 0.9 })
    expect((await vel(['kb', 'info', env['INDEX_DIR']!], env)).stdout).toMatch(/fused by *│ 0.1 face, 0.9 text/)
  })

  test('a person without a photo is found by text, and by both', async () => {
    const white = await canvas('Abdullah_Gul_0002.jpg', { r: 255, g: 255, b: 255 })
    const { status, candidates } = await link('mode=v2t', white)
    expect(candidates[0]).toMatchObject({ rank: 1, id: 'Q8', similarity: { text: expect.closeTo(1, 1) as number } })
    expect(candidates[0]!.similarity.face).toBeUndefined()
    expect(status).toBe('nil')
    expect(ids((await link('mode=v2vt&order=text-face&topK=100', white)).candidates)).toContain('Q8')
  })

  test('a person who is put live takes part in texts at once, and is gone when deleted', async () => {
    const black = await canvas('Abdullah_Gul_0002.jpg', { r: 0, g: 0, b: 0 })
    expect(await change('PUT', '/entities/Q9', { name: 'blue' })).toBe(200)
    expect(await change('PUT', '/entities/Q900', { name: 'Black', description: 'a black hat' })).toBe(201)
    const first = async (query: string): Promise<Found> => (await link(query, black)).candidates[0]!
    expect(await first('mode=v2t')).toMatchObject({ id: 'Q900', similarity: { text: expect.closeTo(1, 1) as number } })
    expect((await allSimilarities(black)).get('Q9')!.text).toBeLessThan(0.9)
    const { candidates } = await link('mode=v2vt&topK=100', black)
    const live = candidates.find(({ id }) => id === 'Q900')!
    expect(live.similarity).toEqual({ text: expect.closeTo(1, 1) as number })
    expect(Number.isFinite(live.score)).toBe(true)
    expect(await change('DELETE', '/entities/Q900')).toBe(204)
    expect(ids((await link('mode=v2t&topK=100', black)).candidates)).not.toContain('Q900')
  })

  test.each([
    'rerankK=0',
    'rerankK=-1',
    'rerankK=1.5',
    'rerankK=1000001',
    'rerankK=',
    'rerankK=NaN',
    'mode=v3v',
    'mode=V2T',
    'order=text',
    'order=',
    'mode=v2t&mode=v2v'
  ])('refuses %s', async query => {
    expect(await problem(query)).toMatchObject({ status: 400, code: 'VEL_ERR_BAD_OPTION' })
  })

  test('builds what POST /link compares where no texts are chosen', async () => {
    const out = join(dir, 'default')
    expect((await vel(['kb', 'build', '--entities', join(dir, 'entities.jsonl'), '--out', out], env)).code).toBe(0)
    const { spaces, fusion } = await readIndexManifest(out)
    expect(Object.keys(spaces).sort()).toEqual(['face', 'name_description'])
    expect(fusion).toEqual({ normalisation: 'z-score', face: 0.5, text: 0.5 })
  })

  test('says with 422 what is missing: vectors of texts, or a CLIP', async () => {
    const faces = join(dir, 'faces')
    expect((await vel(['kb', 'build', '--entities', join(dir, 'entities.jsonl'), '--out', faces, '--texts', 'none'], env)).code).toBe(0)
    for (const [others, message] of [
      [{ INDEX_DIR: faces }, 'the index has no text vectors'],
      [
        { MODEL_PACK: 'embedded', MODELS_DIR: fileURLToPath(new URL('../../models', import.meta.url)) },
        'the model pack has no CLIP image encoder'
      ]
    ] as const) {
      const other = await serve({ ...env, ...others })
      try {
        expect((await ready(other)).modes).toEqual(['v2v'])
        for (const mode of ['v2t', 'v2vt']) {
          expect(await problem(`mode=${mode}`, other)).toMatchObject({
            status: 422,
            code: 'VEL_ERR_MODE_UNAVAILABLE',
            detail: expect.stringContaining(`(v2v), received ${mode}: ${message}`) as string
          })
        }
        const { candidates } = await link('', picture, other)
        expect(candidates.every(({ similarity }) => similarity.text === undefined)).toBe(true)
      } finally {
        await other.stop()
      }
    }
  })

  test('an index whose texts come from another encoder, prompt or width is refused at the start in one sentence', async () => {
    const pack = await readPackManifest(env['MODEL_PACK']!, env['MODELS_DIR']!)
    const { clipImage, clipText } = pack.models
    const variant = (image: object, text: object): PackManifest => ({
      ...pack,
      models: { ...pack.models, clipImage: { ...clipImage!, ...image }, clipText: { ...clipText!, ...text } }
    })
    const open = async (other: PackManifest): Promise<unknown> => await openIndexFor(other, env['INDEX_DIR']!)
    await expect(open(pack)).resolves.toBeDefined()
    await expect(open(variant({ context: 2 }, {}))).resolves.toBeDefined()
    await expect(open(variant({}, { name: 'another-clip', maxTokens: 32 }))).rejects.toMatchObject({
      code: 'VEL_ERR_INDEX',
      message: expect.stringMatching(
        /expected name embeddings of another-clip .* received those of fixture-clip-colours; set MODEL_PACK=fixture-clip or build/
      ) as string
    })
    await expect(open(variant({}, { prompts: { name: '{name}', name_description: 'a photo of {name}, {description}' } }))).rejects.toThrow(
      /expected name_description embeddings .* the same name with other weights, another crop or another prompt/
    )
    await expect(open(variant({ dims: 16 }, { dims: 16 }))).rejects.toThrow(/, 8 numbers wide and not 16; set MODEL_PACK/)
    await writeFile(join(env['MODELS_DIR']!, pack.name, 'manifest.json'), JSON.stringify(variant({}, { maxTokens: 32 })))
    const { code, stderr } = await vel(['serve'], { ...env, PORT: '0', LOG_LEVEL: 'silent' })
    await writeFile(join(env['MODELS_DIR']!, pack.name, 'manifest.json'), JSON.stringify(pack))
    expect(code).toBe(1)
    expect(stderr.trim().split('\n')).toEqual([
      expect.stringMatching(/^vel serve: Index .*: expected name embeddings of fixture-clip-colours/)
    ])
  })
})
