// SPDX-License-Identifier: Apache-2.0

internal import Patterns

/// How a value is made safe for the place it is put in.
enum Escaping: UInt8, BitwiseCopyable {
    case none
    /// A path, a query or a form: everything but unreserved characters is percent-encoded.
    case percent
    /// A whole URL, for the hole that a path begins with, such as a captured `Location`: only what no URL may hold is encoded.
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
    private(set) var variableCount: Int
    private(set) var conditions: [CompiledCondition] = []
    private(set) var patterns: [Pattern] = []
    private var checkCount: Int32 = 0
    /// What the set-up captured.
    private let shared: [[UInt8]]

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

    init(plan: Plan, arena: Arena, shared: [[UInt8]]) {
        self.plan = plan
        self.arena = arena
        self.shared = shared
        variableCount = plan.kept.count
        timeouts = [plan.connections.connectTimeout.nanoseconds]
    }

    mutating func use(_ variable: Plan.Variable) { variableCount = max(variableCount, variable.index + 1) }

    /// Compiles a condition and returns its index.
    mutating func add(_ condition: Plan.Condition) -> Int32 {
        conditions.append(
            CompiledCondition(
                left: segments(of: condition.left), comparison: condition.comparison,
                right: segments(of: condition.right),
                isNegated: condition.isNegated))
        return Int32(conditions.count - 1)
    }

    /// A template whose values are taken as they are.
    mutating func segments(of template: Plan.Template) -> UnsafeBufferPointer<CompiledSegment> {
        var pieces = Pieces()
        append(template.segments, escaping: .none, to: &pieces)
        return store(pieces.pieces)
    }

    private func store(_ pieces: [Pieces.Piece]) -> UnsafeBufferPointer<CompiledSegment> {
        arena.store(
            pieces.map { piece in
                switch piece {
                case .bytes(let bytes): .literal(arena.store(bytes))
                case .hole(let hole): hole
                }
            })
    }

    /// Compiles a request and returns its index.
    mutating func add(_ request: Plan.Request) -> Int {
        let pieces = layout(request)
        var literal = UnsafeRawBufferPointer(start: nil, count: 0)
        var segments = arena.store([] as [CompiledSegment])
        if pieces.count == 1, case .bytes(let bytes) = pieces[0] {
            literal = arena.store(bytes)
        } else {
            segments = store(pieces)
        }
        var captures: [CompiledCapture] = []
        for capture in request.captures { captures.append(compile(capture)) }
        var checks: [CompiledCheck] = []
        for check in request.checks { checks.append(compile(check)) }
        defer { checkCount += Int32(checks.count) }
        requests.append(
            CompiledRequest(
                target: Int32(request.target), expectsNoBody: request.method == "HEAD", literal: literal,
                segments: segments, timeoutClass: timeoutClass(request.timeout),
                statuses: arena.store(request.expect.statuses.map { Int16(clamping: $0) }),
                captures: arena.store(captures), checks: arena.store(checks), firstCheck: checkCount,
                readsBody: captures.contains(where: \.readsBody) || checks.contains(where: \.readsBody),
                readsHead: plan.cookies || captures.contains(where: \.readsHead) || checks.contains(where: \.readsHead))
        )
        return requests.count - 1
    }

    // MARK: Layout

    private mutating func layout(_ request: Plan.Request) -> [Pieces.Piece] {
        let target = plan.targets[request.target]
        let names = Set(request.headers.map { $0.name.lowercased() })
        var pieces = Pieces()
        pieces.append(request.method + " ")
        append(path: request.path, origins: origins(of: request), to: &pieces)
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
        if plan.cookies { pieces.append(names.contains("cookie") ? .cookiePath : .cookies) }
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

    /// A hole at the start may hold a whole URL; those behind it are parts of a path or a query as in any other.
    private mutating func append(path: Plan.Template, origins: [[UInt8]], to pieces: inout Pieces) {
        guard let first = path.segments.first else { return }
        if case .literal = first {
            append(path, escaping: .percent, to: &pieces)
            return
        }
        append([first], escaping: .url, to: &pieces)
        append(Array(path.segments.dropFirst()), escaping: .percent, to: &pieces)
        // Behind them all: whether the origin needs a path to stand for it shows only then.
        pieces.append(.ownOrigin(arena.store(origins.map { arena.store($0) })))
    }

    /// What a URL of the request's own target begins with: with the port and, where it is the scheme's own, without, after the
    /// scheme or after the slashes alone; and the same with the host that the request gives itself.
    private func origins(of request: Plan.Request) -> [[UInt8]] {
        let target = plan.targets[request.target]
        let own = request.headers.first { $0.name.lowercased() == "host" }?.value.literalBytes
        let hosts = [target.hostHeader, target.hostAndPort] + (own.map { [String(decoding: $0, as: UTF8.self)] } ?? [])
        let schemes = [target.tls == nil ? "http://" : "https://", "//"]
        return hosts.flatMap { host in schemes.map { Array(($0 + host).lowercased().utf8) } }
    }

    private mutating func append(_ template: Plan.Template, escaping: Escaping, to pieces: inout Pieces) {
        append(template.segments, escaping: escaping, to: &pieces)
    }

    private mutating func append(_ segments: [Plan.Template.Segment], escaping: Escaping, to pieces: inout Pieces) {
        for segment in segments {
            switch segment {
            case .literal(let bytes): pieces.append(bytes)
            case .variable(let variable):
                use(variable)
                pieces.append(.variable(Int32(variable.index), escaping))
            case .user(let column): pieces.append(.user(column: Int32(column), escaping))
            case .random(let table, let column):
                pieces.append(.random(table: Int32(table), column: Int32(column), escaping))
            case .feeder(let feeder, let column):
                pieces.append(.feeder(Int32(feeder), column: Int32(column), escaping))
            case .shared(let index):
                var value = RawBytes()
                shared[index].withUnsafeBytes { value.append($0, escaping) }
                pieces.append(Array(value.bytes))
                value.free()
            case .uuid: pieces.append(.uuid)
            case .counter: pieces.append(.counter)
            case .now(let format): pieces.append(.now(format, escaping))
            case .base64(let inner): pieces.append(.base64(self.segments(of: Plan.Template(inner)), escaping))
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
        use(capture.variable)
        let source: CompiledCapture.Source =
            switch capture.source {
            case .json(let path): .json(store(path))
            case .header(let name): .header(arena.store(Array(name.lowercased().utf8)))
            case .pattern(let pattern): .pattern(add(pattern))
            case .status: .status
            case .cookie(let name): .cookie(arena.store(Array(name.utf8)))
            }
        var standard: [UInt8] = []
        if case .becomes(let value) = capture.absence { standard = value }
        return CompiledCapture(
            variable: Int32(capture.variable.index), source: source, isRequired: capture.absence == .fails,
            standard: arena.store(standard))
    }

    private mutating func compile(_ check: Plan.Check) -> CompiledCheck {
        switch check.kind {
        case .status(let statuses):
            CompiledCheck(kind: .status(arena.store(statuses.map { Int16(clamping: $0) })))
        case .faster(let limit): CompiledCheck(kind: .faster(limit.nanoseconds))
        case .text(.header(let name), let test):
            CompiledCheck(kind: .header(arena.store(Array(name.lowercased().utf8)), compile(test)))
        case .text(.body, let test): CompiledCheck(kind: .body(compile(test)))
        case .text(.json(let path), let test): CompiledCheck(kind: .json(store(path), compile(test)))
        }
    }

    private mutating func compile(_ test: Plan.Check.Test) -> CompiledCheck.Test {
        switch test {
        case .exists: .exists
        case .equals(let template): .equals(segments(of: template))
        case .contains(let template): .contains(segments(of: template))
        case .matches(let pattern): .matches(add(pattern))
        }
    }

    private mutating func add(_ pattern: Pattern) -> Int32 {
        if let known = patterns.firstIndex(of: pattern) { return Int32(known) }
        patterns.append(pattern)
        return Int32(patterns.count - 1)
    }

    private func store(_ path: [Plan.JSONComponent]) -> UnsafeBufferPointer<JSONPathComponent> {
        arena.store(
            path.map { component in
                switch component {
                case .key(let key): .key(arena.store(Array(key.utf8)))
                case .index(let index): .index(index)
                }
            })
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

    var hostAndPort: String { (host.contains(":") ? "[\(host)]" : host) + ":\(port)" }

    /// "post 127.0.0.1:4433" for messages.
    package var place: String {
        name == host || name.isEmpty ? hostAndPort : "\(name) \(hostAndPort)"
    }
}
