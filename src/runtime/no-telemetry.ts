// Must be imported before the native library of ONNX Runtime is loaded: since 1.30 it otherwise stores a device id and a
// database of usage events in the cache folder of the user and sends them to its maker. They never include photos or names.

// eslint-disable-next-line no-restricted-properties -- the native library reads it
process.env['ORT_DISABLE_TELEMETRY'] = '1'
