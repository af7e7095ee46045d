import { once } from 'node:events'
import { createServer, type RequestListener } from 'node:http'
import type { AddressInfo } from 'node:net'
import { describe, expect, it, onTestFinished } from 'vitest'
import { createImageFetcher, isPublicAddress } from '../../../src/http/upload/fetch-image.ts'

const BYTES = Buffer.from('not an image, but bytes')
const anyAddress = (): boolean => true

async function serve (listener: RequestListener): Promise<string> {
  const server = createServer(listener).listen(0, '127.0.0.1')
  onTestFinished(() => { server.closeAllConnections(); server.close() })
  await once(server, 'listening')
  return `http://localhost:${(server.address() as AddressInfo).port}`
}

function fetcher (
  isAllowed?: (address: string) => boolean, allowedUrlHosts = ['localhost'], uploadTimeoutMs = 5000
): (url: string) => Promise<Uint8Array> {
  const { fetchImage, close } = createImageFetcher({ allowedUrlHosts, maxImageBytes: 100, uploadTimeoutMs }, isAllowed)
  onTestFinished(close)
  return async url => await fetchImage(url, new AbortController().signal, () => {})
}

describe('isPublicAddress', () => {
  it.each([
    '127.0.0.1', '10.1.2.3', '172.16.0.1', '192.168.1.1', '169.254.169.254', '100.64.0.1', '0.0.0.0', '255.255.255.255', '224.0.0.1',
    '192.0.2.1', '::1', '::', 'fe80::1', 'fc00::1', 'fd12::1', 'ff02::1', '::ffff:127.0.0.1', '::ffff:10.0.0.1', '::ffff:7f00:1',
    '64:ff9b::7f00:1', '2002:7f00:1::', '2001:db8::1'
  ])('refuses %s', address => {
    expect(isPublicAddress(address)).toBe(false)
  })

  it.each(['8.8.8.8', '1.1.1.1', '2606:4700:4700::1111', '::ffff:8.8.8.8'])('takes %s', address => {
    expect(isPublicAddress(address)).toBe(true)
  })
})

describe('createImageFetcher', () => {
  it('fetches bytes, over redirects within the allowed hosts', async () => {
    const origin = await serve((request, response) => {
      if (request.url === '/image') response.end(BYTES)
      else response.writeHead(302, { location: '/image' }).end()
    })
    expect(Buffer.from(await fetcher(anyAddress)(`${origin}/start`))).toEqual(BYTES)
  })

  it('asks for the address when it connects: a name that leads inside is refused, before a byte is sent', async () => {
    let asked = 0
    const origin = await serve((_request, response) => { asked++; response.end(BYTES) })
    await expect(fetcher()(`${origin}/image`)).rejects.toMatchObject({ code: 'VEL_ERR_URL_REFUSED', statusCode: 403 })
    expect(asked).toBe(0)
  })

  it.each([
    'ftp://localhost/a', 'file:///etc/passwd', 'http://elsewhere.example/a', 'http://localhost.elsewhere.example/a',
    'http://user:pass@localhost/a', 'localhost/a', '', 'http://127.0.0.1/a', 'http://[::1]/a', 'data:image/png;base64,aaaa'
  ])('refuses %s', async url => {
    await expect(fetcher(anyAddress)(url)).rejects.toMatchObject({ code: 'VEL_ERR_URL_REFUSED' })
  })

  const PRIVATE = ['http://127.0.0.1/a', 'http://0x7f.1/a', 'http://2130706433/a']
  it.each(PRIVATE)('refuses the private address %s, also where its host is allowed', async url => {
    await expect(fetcher(undefined, ['127.0.0.1'])(url)).rejects.toMatchObject({ code: 'VEL_ERR_URL_REFUSED' })
  })

  it('refuses everything where no host is allowed', async () => {
    await expect(fetcher(anyAddress, [])('http://localhost/a')).rejects.toMatchObject({ code: 'VEL_ERR_URL_REFUSED' })
  })

  it('takes any host below *.example.org, and not example.org itself', async () => {
    const fetchImage = fetcher(() => false, ['*.example.org'])
    await expect(fetchImage('http://example.org/a')).rejects.toThrow('on an allowed host')
    await expect(fetchImage('http://badexample.org/a')).rejects.toThrow('on an allowed host')
    await expect(fetchImage('http://a.example.org:1/a')).rejects.not.toThrow('on an allowed host')
  })

  it('refuses a redirect to another host, a long chain, errors, and what is too large', async () => {
    const origin = await serve((request, response) => {
      if (request.url === '/out') response.writeHead(302, { location: 'http://169.254.169.254/latest' }).end()
      else if (request.url === '/round') response.writeHead(307, { location: '/round' }).end()
      else if (request.url === '/none') response.writeHead(404).end('no')
      else if (request.url === '/empty') response.end()
      else if (request.url === '/announced') response.writeHead(200, { 'content-length': '101' }).end(Buffer.alloc(101))
      else if (request.url === '/cut') response.writeHead(200, { 'content-length': '99' }).write('abc', () => { response.destroy() })
      else for (let i = 0; i < 50; i++) response.write(Buffer.alloc(1000))
    })
    const fetchImage = fetcher(anyAddress)
    await expect(fetchImage(`${origin}/out`)).rejects.toMatchObject({ code: 'VEL_ERR_URL_REFUSED' })
    await expect(fetchImage(`${origin}/round`)).rejects.toThrow('more than 3 redirects')
    await expect(fetchImage(`${origin}/none`)).rejects.toThrow('status 404')
    await expect(fetchImage(`${origin}/empty`)).rejects.toThrow('an empty answer')
    await expect(fetchImage(`${origin}/announced`)).rejects.toMatchObject({ code: 'VEL_ERR_TOO_MANY_BYTES' })
    await expect(fetchImage(`${origin}/cut`)).rejects.toThrow('broke off')
    await expect(fetchImage(`${origin}/endless`)).rejects.toMatchObject({ code: 'VEL_ERR_TOO_MANY_BYTES' })
  })

  it('gives up on a host that does not answer, and tells the status 422', async () => {
    const origin = await serve(() => {})
    await expect(fetcher(anyAddress, ['localhost'], 200)(`${origin}/a`)).rejects.toMatchObject({
      code: 'VEL_ERR_URL_UNREADABLE',
      statusCode: 422
    })
    await expect(fetcher(anyAddress)('http://localhost:1/a')).rejects.toThrow('no answer (ECONNREFUSED)')
  })
})
