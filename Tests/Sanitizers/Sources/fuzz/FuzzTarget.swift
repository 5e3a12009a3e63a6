// SPDX-License-Identifier: Apache-2.0

/// What reads bytes that come from somewhere else. Each traps when a promise of the reader is broken.
enum FuzzTarget: String, CaseIterable {
    case http1Response = "http1-response"
    case jsonPath = "json-path"
    case histogram
    case cookieJar = "cookie-jar"
    case pattern

    func play(_ bytes: UnsafeRawBufferPointer) {
        switch self {
        case .http1Response: HTTP1ResponseFuzzing.play(bytes)
        case .jsonPath: JSONPathFuzzing.play(bytes)
        case .histogram: HistogramFuzzing.play(bytes)
        case .cookieJar: CookieJarFuzzing.play(bytes)
        case .pattern: PatternFuzzing.play(bytes)
        }
    }
}

/// Calls the body with a copy that has nothing behind it, so that Address Sanitizer sees a read beyond its end.
func withExactCopy<Result>(_ bytes: some Collection<UInt8>, _ body: (UnsafeRawBufferPointer) -> Result) -> Result {
    let copy = UnsafeMutableRawBufferPointer.allocate(byteCount: bytes.count, alignment: 1)
    defer { copy.deallocate() }
    copy.copyBytes(from: bytes)
    return body(UnsafeRawBufferPointer(copy))
}
