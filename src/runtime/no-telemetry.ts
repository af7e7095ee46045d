// Imported before the runtime's library is loaded: ONNX Runtime from 1.30 on otherwise keeps a device id and a database of
// usage events in the user's cache folder, and sends them to its maker. Photos and names were never among them.

// eslint-disable-next-line no-restricted-properties -- read by the native library, not by us
process.env['ORT_DISABLE_TELEMETRY'] = '1'
