// Program of the process that reads metadata: see metadata-reader.ts. It ends with the process that started it.
import { readPhotoMetadata } from './photo-metadata.ts'

process.on('message', (bytes: Uint8Array) => { process.send!(readPhotoMetadata(bytes)) })
