// SPDX-License-Identifier: Apache-2.0

/// How a value is made safe for the place it is put in.
enum Escaping: UInt8, BitwiseCopyable {
    case none
    /// A path, a query or a form: everything but unreserved characters is percent-encoded.
    case percent
    /// A whole URL path, for a path that begins with a hole, such as a captured `Location`: only what no URL may hold is encoded.
    case url
    /// A header: control characters are left out.
    case header
    /// The inside of a JSON string.
    case json
}

/// Cuts the requests of a plan into segments.
struct RequestBuilder {
    private let plan: Plan
    private let arena: Arena
    private(set) var requests: [CompiledRequest] = []
    private(set) var timeouts: [UInt64]
    private(set) var variableCount = 0
    private(set) var countersOfJourney = 0

    /// Segments with neighbouring literals joined.
    private struct Pieces {
        enum Piece {
            case bytes([UInt8])
            case hole(CompiledSegment)
        }
        var pieces: [Piece] = []

        mutating func append(_ bytes: [UInt8]) {
            if case .bytes(let before)? = pieces.last {
                pieces[pieces.count - 1] = .bytes(before + bytes)
            } else if !bytes.isEmpty {
                pieces.append(.bytes(bytes))
            }
        }
        mutating func append(_ text: String) { append(Array(text.utf8)) }
        mutating func append(_ hole: CompiledSegment) { pieces.append(.hole(hole)) }
    }

    init(plan: Plan, arena: Arena) {
        self.plan = plan
        self.arena = arena
        timeouts = [plan.connections.connectTimeout.nanoseconds]
    }

    mutating func beginJourney() { countersOfJourney = 0 }

    /// Compiles a request and returns its index.
    mutating func add(_ request: Plan.Request) -> Int {
        let pieces = layout(request)
        var literal = UnsafeRawBufferPointer(start: nil, count: 0)
        var segments: [CompiledSegment] = []
        if pieces.count == 1, case .bytes(let bytes) = pieces[0] {
            literal = arena.store(bytes)
        } else {
            segments = pieces.map { piece in
                switch piece {
                case .bytes(let bytes): .literal(arena.store(bytes))
                case .hole(let hole): hole
                }
            }
        }
        var captures: [CompiledCapture] = []
        for capture in request.captures { captures.append(compile(capture)) }
        if let when = request.when { variableCount = max(variableCount, when.index + 1) }
        requests.append(
            CompiledRequest(
                target: Int32(request.target), expectsNoBody: request.method == "HEAD", literal: literal,
                segments: arena.store(segments), timeoutClass: timeoutClass(request.timeout),
                whenVariable: Int32(request.when?.index ?? -1),
                statuses: arena.store(request.expect.statuses.map { Int16(clamping: $0) }),
                captures: arena.store(captures),
                capturesFromBody: captures.contains { if case .json = $0.source { true } else { false } },
                capturesFromHead: captures.contains { if case .header = $0.source { true } else { false } }))
        return requests.count - 1
    }

    // MARK: Layout

    private mutating func layout(_ request: Plan.Request) -> [Pieces.Piece] {
        let target = plan.targets[request.target]
        let names = Set(request.headers.map { $0.name.lowercased() })
        var pieces = Pieces()
        pieces.append(request.method + " ")
        let beginsWithHole = if case .literal? = request.path.segments.first { false } else { true }
        append(request.path, escaping: beginsWithHole ? .url : .percent, to: &pieces)
        pieces.append(" HTTP/1.1\r\n")
        if !names.contains("host") { pieces.append("host: \(target.hostHeader)\r\n") }
        if !names.contains("user-agent") { pieces.append("user-agent: seawall\r\n") }
        for header in request.headers {
            pieces.append(header.name + ": ")
            append(header.value, escaping: .header, to: &pieces)
            pieces.append("\r\n")
        }
        if plan.connections.strategy == .perRequest, !names.contains("connection") {
            pieces.append("connection: close\r\n")
        }
        guard let body = request.body else {
            if ["POST", "PUT", "PATCH"].contains(request.method) { pieces.append("content-length: 0\r\n") }
            pieces.append("\r\n")
            return pieces.pieces
        }
        if let literal = body.literalBytes {
            pieces.append("content-length: \(literal.count)\r\n\r\n")
            pieces.append(literal)
        } else {
            pieces.append("content-length: ")
            pieces.append(.contentLength)
            pieces.append("\r\n\r\n")
            pieces.append(.bodyStart)
            append(body, escaping: Self.bodyEscaping(request, body), to: &pieces)
        }
        return pieces.pieces
    }

    private mutating func append(_ template: Plan.Template, escaping: Escaping, to pieces: inout Pieces) {
        for segment in template.segments {
            switch segment {
            case .literal(let bytes): pieces.append(bytes)
            case .variable(let variable):
                variableCount = max(variableCount, variable.index + 1)
                pieces.append(.variable(Int32(variable.index), escaping))
            case .user(let column): pieces.append(.user(column: Int32(column), escaping))
            case .random(let table, let column):
                pieces.append(.random(table: Int32(table), column: Int32(column), escaping))
            case .uuid: pieces.append(.uuid)
            case .counter:
                pieces.append(.counter(UInt64(countersOfJourney)))
                countersOfJourney += 1
            case .now: pieces.append(.now)
            case .randomInteger(let range):
                let span = UInt64(bitPattern: Int64(range.upperBound &- range.lowerBound))
                pieces.append(.randomInteger(low: range.lowerBound, span: span))
            case .randomText(let length): pieces.append(.randomText(length: length, escaping))
            }
        }
    }

    /// By the content type, or by the first character when there is none.
    private static func bodyEscaping(_ request: Plan.Request, _ body: Plan.Template) -> Escaping {
        if let type = request.headers.first(where: { $0.name.lowercased() == "content-type" })?.value.literalBytes {
            let text = String(decoding: type, as: UTF8.self).lowercased()
            if text.contains("json") { return .json }
            return text.contains("x-www-form-urlencoded") ? .percent : .none
        }
        if case .literal(let bytes)? = body.segments.first, let first = bytes.first(where: { $0 > 0x20 }) {
            return [UInt8(ascii: "{"), UInt8(ascii: "["), UInt8(ascii: "\"")].contains(first) ? .json : .none
        }
        return .none
    }

    private mutating func compile(_ capture: Plan.Capture) -> CompiledCapture {
        variableCount = max(variableCount, capture.variable.index + 1)
        let source: CompiledCapture.Source =
            switch capture.source {
            case .json(let path):
                .json(
                    arena.store(
                        path.map { component in
                            switch component {
                            case .key(let key): .key(arena.store(Array(key.utf8)))
                            case .index(let index): .index(index)
                            }
                        }))
            case .header(let name): .header(arena.store(Array(name.lowercased().utf8)))
            }
        return CompiledCapture(variable: Int32(capture.variable.index), source: source, required: capture.required)
    }

    private mutating func timeoutClass(_ timeout: Duration) -> Int32 {
        let nanoseconds = timeout.nanoseconds
        if let known = timeouts.dropFirst().firstIndex(of: nanoseconds) { return Int32(known) }
        timeouts.append(nanoseconds)
        return Int32(timeouts.count - 1)
    }
}

extension Plan.Template {
    /// All bytes when there are no holes.
    var literalBytes: [UInt8]? {
        var bytes: [UInt8] = []
        for segment in segments {
            guard case .literal(let part) = segment else { return nil }
            bytes += part
        }
        return bytes
    }
}

extension Plan.Target {
    /// Value of the Host header: the port only where it is not the scheme's own.
    var hostHeader: String {
        let name = host.contains(":") ? "[\(host)]" : host
        return port == (tls == nil ? 80 : 443) ? name : "\(name):\(port)"
    }

    /// "post 127.0.0.1:4433" for messages.
    package var place: String {
        let address = (host.contains(":") ? "[\(host)]" : host) + ":\(port)"
        return name == host || name.isEmpty ? address : "\(name) \(address)"
    }
}
