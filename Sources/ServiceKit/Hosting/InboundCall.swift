// SPDX-License-Identifier: Apache-2.0

internal import HTTPTypes
internal import Hummingbird
internal import Resilience

/// The trace that the current task's work belongs to.
package enum TraceContext {
    /// The W3C trace context of the request, as it came in; nil when it brought none.
    @TaskLocal package static var current: String?
}

/// What a request brings that is handed on to the calls made for it, and that decides who is refused first.
struct InboundCall {
    /// Nil when the request says nothing about itself.
    private(set) var context: CallContext?
    private(set) var traceparent: String?

    /// Reads the headers.
    ///
    /// - Parameters:
    ///   - now: when the request came in, on ``MonotonicClock``.
    ///   - gate: knows which requests come from services of the network.
    /// - Throws: a ``Problem``, 400 or 504, for a deadline that is none or has passed.
    init(_ request: Request, at now: UInt64, gate: Gate) throws(Problem) {
        let headers = request.headers
        if let text = headers[.traceparent], text.utf8.count <= 128 { traceparent = text }
        var context = CallContext()
        let plain = context
        context.deadline = try Self.deadline(headers[.deadline], at: now)
        // What is no number of an attempt is a first one: it is advice, not an order.
        if let text = headers[.attempt], let attempt = Int(text), attempt > 1 { context.attempt = attempt }
        if let text = headers[.criticality], let criticality = Criticality(word: text) {
            // Strangers may only make themselves less important.
            let isTrusted = criticality <= .critical || (try? gate.requireService(request)) != nil
            if isTrusted { context.criticality = criticality }
        }
        if let text = headers[.cohort], let number = UInt8(text), number < 128 {
            context.cohort = Cohort(number)
        } else if let field = headers[.authorization] {
            // A token is the same for all that a page asks for, at every service, and another one when it is renewed: so
            // nobody is always the first to be refused. Its signature, at the end, is as good as random; whether it is
            // right matters to the handler.
            context.cohort = Cohort(user: String(Substring(field.utf8.suffix(32))))
        }
        if context != plain { self.context = context }
    }

    private static func deadline(_ text: String?, at now: UInt64) throws(Problem) -> MonotonicInstant? {
        guard let text else { return nil }
        guard let milliseconds = UInt64(text), milliseconds <= 86_400_000 else {
            throw Problem(
                .badRequest, type: "malformed-header",
                detail: "X-Deadline-Ms must be a number of milliseconds from 0 to 86400000.")
        }
        guard milliseconds > 0 else { throw .deadlineExceeded }
        return MonotonicInstant(nanoseconds: Int64(clamping: now + milliseconds * 1_000_000))
    }

    /// Does the work of the request; what it calls finds the context in `CallContext.current`.
    func bound<Value>(_ work: () async throws -> Value) async throws -> Value {
        guard let traceparent else { return try await withContext(work) }
        return try await TraceContext.$current.withValue(traceparent) { try await withContext(work) }
    }

    private func withContext<Value>(_ work: () async throws -> Value) async throws -> Value {
        guard let context else { return try await work() }
        return try await CallContext.$current.withValue(context) { try await work() }
    }
}

extension Criticality {
    /// The class of that name in headers; nil for a word that is none.
    init?(word: String) {
        guard let found = Self.allCases.first(where: { $0.word == word }) else { return nil }
        self = found
    }

    /// The name in headers.
    var word: String {
        switch self {
        case .sheddable: "sheddable"
        case .sheddablePlus: "sheddable-plus"
        case .critical: "critical"
        case .criticalPlus: "critical-plus"
        }
    }
}
