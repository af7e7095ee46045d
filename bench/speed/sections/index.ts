// The sections of BENCHMARKS.md, in order.
import type { Section } from '../section.ts'
import { clip } from './clip.ts'
import { heavy } from './heavy.ts'
import { kb } from './kb.ts'
import { load } from './load.ts'
import { peer } from './peer.ts'
import { replacement } from './replacement.ts'
import { stages } from './stages.ts'
import { texts } from './texts.ts'

export const sections: readonly Section[] = [stages, load, replacement, peer, heavy, clip, kb, texts]
