// SPDX-License-Identifier: Apache-2.0

internal import Glibc

/// Reads HTTP/1.x responses (RFC 9112) from bytes as they come off a connection. Pure: no socket, no clock.
///
/// A head is read when all of it is there; the caller keeps the bytes of an unfinished head and offers them again with more. Bodies
/// are streamed: each part goes to the caller's closure and is not kept. One value per connection; ``reset(expectsNoBody:)``
/// before each response. Strict where leniency would hide a broken server, lenient where RFC 9112 allows it (bare LF,
/// obsolete line folding, absent reason).
struct HTTP1ResponseParser: BitwiseCopyable {
    enum Result: Equatable {
        /// All is well so far. The bytes after `consumed` belong to an unfinished head and must be offered again.
        case needMore(consumed: Int)
        /// The response ends after `consumed` bytes; whatever follows was not asked for.
        case complete(consumed: Int)
        case malformed(HTTP1Problem)
    }

    enum BodyState: UInt8 {
        case head, fixed, untilClose, chunkSize, chunkExtension, chunkData, chunkEnd, trailerStart, trailerLine
    }

    /// Longest head, in bytes; trailers and a chunk's extensions have the same limit.
    static let maximumHead = 65_536
    /// More interim (1xx) responses than this before the final one are an attack or a fault.
    private static let maximumInterim = 16

    private(set) var state = BodyState.head
    /// Status of the response once its head was read.
    private(set) var status: Int16 = 0
    /// Whether the connection may be used again after this response.
    private(set) var keepsAlive = true
    /// Where the final head lies in the bytes of the last call, when that call read it to its end; otherwise both are 0. Interim
    /// heads are never told.
    private(set) var headStart = 0
    private(set) var headEnd = 0
    private var expectsNoBody = false
    private var remaining: UInt64 = 0
    /// What was read of an unfinished head.
    private var unfinished = HTTP1Head()
    private var interim = 0
    private var lineBytes = 0
    private var digits = 0

    /// Whether the end of the connection ends the response well.
    var endsWithConnection: Bool { state == .untilClose }

    /// Prepares for the next response. `expectsNoBody` for the response to a HEAD request.
    mutating func reset(expectsNoBody: Bool) {
        self = HTTP1ResponseParser()
        self.expectsNoBody = expectsNoBody
    }

    /// Reads on. `body` gets the parts of the body, which lie in `input`.
    mutating func parse(_ input: UnsafeRawBufferPointer, body: (UnsafeRawBufferPointer) -> Void) -> Result {
        var position = 0
        headStart = 0
        headEnd = 0
        if state == .head {
            switch parseHeads(input, &position) {
            case .some(let result): return result
            case .none: break
            }
        }
        return parseBody(input, &position, body)
    }

    // MARK: Head

    /// Reads heads from `position` on until the final one is done (nil), more is needed, or the response is over or broken.
    private mutating func parseHeads(_ input: UnsafeRawBufferPointer, _ position: inout Int) -> Result? {
        while true {
            let unread = UnsafeRawBufferPointer(rebasing: input[position...])
            var head = unfinished
            switch head.parse(unread) {
            case .incomplete:
                if unread.count > Self.maximumHead { return .malformed(.headTooLarge) }
                unfinished = head
                return .needMore(consumed: position)
            case .malformed(let problem):
                return .malformed(problem)
            case .complete(let length):
                if length > Self.maximumHead { return .malformed(.headTooLarge) }
                if unfinished.isBegun { unfinished = HTTP1Head() }
                let start = position
                position += length
                if head.status == 101 { return .malformed(.unexpectedUpgrade) }
                if head.status < 200 {
                    interim += 1
                    if interim > Self.maximumInterim { return .malformed(.tooManyInterimResponses) }
                    continue
                }
                headStart = start
                headEnd = position
                return begin(head, consumed: position)
            }
        }
    }

    /// Decides how the body is framed (RFC 9112, 6.3).
    private mutating func begin(_ head: HTTP1Head, consumed: Int) -> Result? {
        status = head.status
        keepsAlive = head.keepsAlive
        if expectsNoBody || status == 204 || status == 304 { return .complete(consumed: consumed) }
        if head.isChunked {
            state = .chunkSize
            // Both framings at once is a sign of response splitting: read it, and don't trust what follows.
            if head.contentLength != nil { keepsAlive = false }
        } else if head.hasTransferEncoding {
            state = .untilClose
            keepsAlive = false
        } else if let length = head.contentLength {
            if length == 0 { return .complete(consumed: consumed) }
            state = .fixed
            remaining = length
        } else {
            state = .untilClose
            keepsAlive = false
        }
        return nil
    }

    // MARK: Body

    private mutating func parseBody(
        _ input: UnsafeRawBufferPointer, _ position: inout Int, _ body: (UnsafeRawBufferPointer) -> Void
    ) -> Result {
        while position < input.count {
            switch state {
            case .fixed, .chunkData:
                let length = Int(min(remaining, UInt64(input.count - position)))
                body(UnsafeRawBufferPointer(rebasing: input[position..<position + length]))
                position += length
                remaining -= UInt64(length)
                if remaining == 0 {
                    if state == .fixed { return .complete(consumed: position) }
                    state = .chunkEnd
                }
            case .untilClose:
                body(UnsafeRawBufferPointer(rebasing: input[position...]))
                position = input.count
            default:
                let byte = input[position]
                position += 1
                switch parseFraming(byte) {
                case .more: continue
                case .end: return .complete(consumed: position)
                case .problem(let problem): return .malformed(problem)
                }
            }
        }
        return .needMore(consumed: position)
    }

    private enum Framing { case more, end, problem(HTTP1Problem) }

    /// One byte of a chunked body's framing: size lines, the line ends after chunks, trailers.
    private mutating func parseFraming(_ byte: UInt8) -> Framing {
        switch state {
        case .chunkSize:
            if let value = hexValue(byte) {
                digits += 1
                if digits > 15 { return .problem(.badChunkSize) }
                remaining = remaining << 4 | UInt64(value)
                return .more
            }
            if digits == 0 { return .problem(.badChunkSize) }
            switch byte {
            case UInt8(ascii: "\n"): return endOfChunkSize()
            case UInt8(ascii: "\r"), UInt8(ascii: ";"), UInt8(ascii: " "), UInt8(ascii: "\t"):
                state = .chunkExtension
                return .more
            default: return .problem(.badChunkSize)
            }
        case .chunkExtension:
            if byte == UInt8(ascii: "\n") { return endOfChunkSize() }
            return countLineByte()
        case .chunkEnd:
            if byte == UInt8(ascii: "\r"), lineBytes == 0 {
                lineBytes = 1
                return .more
            }
            guard byte == UInt8(ascii: "\n") else { return .problem(.badChunkEnd) }
            lineBytes = 0
            digits = 0
            state = .chunkSize
            return .more
        case .trailerStart:
            if byte == UInt8(ascii: "\n") { return .end }
            if byte != UInt8(ascii: "\r") { state = .trailerLine }
            return countLineByte()
        default:
            if byte == UInt8(ascii: "\n") { state = .trailerStart }
            return countLineByte()
        }
    }

    private mutating func endOfChunkSize() -> Framing {
        state = remaining == 0 ? .trailerStart : .chunkData
        lineBytes = 0
        return .more
    }

    private mutating func countLineByte() -> Framing {
        lineBytes += 1
        return lineBytes > Self.maximumHead ? .problem(.headTooLarge) : .more
    }

    private func hexValue(_ byte: UInt8) -> UInt8? {
        switch byte {
        case 0x30...0x39: byte - 0x30
        case 0x41...0x46: byte - 0x41 + 10
        case 0x61...0x66: byte - 0x61 + 10
        default: nil
        }
    }
}

/// Why bytes are not an HTTP/1.x response.
enum HTTP1Problem: UInt8, Equatable, BitwiseCopyable {
    case notHTTP, badStatus, badHeaderName, badContentLength, headTooLarge, tooManyInterimResponses, unexpectedUpgrade
    case badChunkSize, badChunkEnd

    var words: String {
        switch self {
        case .notHTTP: "the answer does not begin like HTTP/1.x"
        case .badStatus: "the answer has no three-digit status"
        case .badHeaderName: "a header line has no valid name"
        case .badContentLength: "the content-length is not one number"
        case .headTooLarge: "the answer's head is longer than \(HTTP1ResponseParser.maximumHead) bytes"
        case .tooManyInterimResponses: "too many interim (1xx) answers"
        case .unexpectedUpgrade: "the server switched protocols without being asked"
        case .badChunkSize: "a chunk's size is not a hexadecimal number"
        case .badChunkEnd: "a chunk is longer than its size says"
        }
    }
}
