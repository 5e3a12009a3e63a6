// SPDX-License-Identifier: Apache-2.0

internal import COpenSSL
internal import Glibc
internal import Measurement
internal import Patterns

/// Why a request failed, as plain data: words are made once, at the end.
struct FailureKey: Hashable, Sendable {
    enum Cause: Hashable, Sendable {
        /// `connect` or an established connection failed with this errno.
        case connect(CInt)
        case broken(CInt)
        case closedBeforeAnswer
        case closedOnReuse
        case closedInAnswer
        /// Looking the name up failed, with the code of `getaddrinfo`.
        case lookup(CInt)
        case noConnection
        case lookupTimeout
        case connectTimeout
        case handshakeTimeout
        case noAnswer
        case slowAnswer
        case certificate(CLong)
        case tls(CUnsignedLong)
        case tlsClosed
        /// ALPN chose something other than HTTP/1.
        case otherProtocol
        case malformed(HTTP1Problem)
        case status(Int16)
        /// Position of the capture, or of the check, in the request.
        case missingCapture(Int32)
        case check(Int32)
        case tooManyInFlight
        /// Position of the feeder in the plan.
        case noRow(Int32)
    }

    var step: Int32
    var cause: Cause
}

extension FailureKey.Cause {
    /// The cause in words, to stand after "post 127.0.0.1:4433: ".
    func words(request: Plan.Request, plan: Plan) -> String {
        let connections = plan.connections
        switch self {
        case .connect(let code): return "can't connect: \(errorText(code))"
        case .broken(let code): return "connection broken: \(errorText(code))"
        case .closedBeforeAnswer: return "the server closed the connection without an answer"
        case .closedOnReuse: return "the server closed a kept-alive connection as a request was sent on it"
        case .closedInAnswer: return "the server closed the connection in the middle of an answer"
        case .lookup(let code):
            return "can't look up the host's name: \(ResolvedTarget.LookupFailure(code: code).words)"
        case .noConnection:
            return "no connection became free within \(connections.waitTimeout); raise the limit of "
                + "\(connections.limitPerTarget) or lower the rate"
        case .lookupTimeout: return "the host's name was not looked up within \(connections.connectTimeout)"
        case .connectTimeout: return "no connection within \(connections.connectTimeout)"
        case .handshakeTimeout: return "TLS handshake not done within \(connections.connectTimeout)"
        case .noAnswer: return "no answer within \(request.timeout)"
        case .slowAnswer: return "the answer began, but did not end within \(request.timeout)"
        case .certificate(let code):
            return "certificate not accepted: \(String(cString: X509_verify_cert_error_string(code)))"
        case .tls(let code):
            if code == 0 { return "TLS failed: the server closed the connection" }
            let reason = ERR_reason_error_string(code).map { String(cString: $0) }
            return "TLS failed: \(reason ?? "error \(code)")"
        case .tlsClosed: return "the server closed the connection during the TLS handshake"
        case .otherProtocol: return "the server chose a protocol that is not HTTP/1 (ALPN)"
        case .malformed(let problem): return problem.words
        case .status(let status): return "status \(status)"
        case .missingCapture(let index):
            let capture = request.captures[Int(index)]
            return "nothing to capture for '\(capture.name)': \(capture.source.absenceWords)"
        case .check(let index): return "the check '\(request.checks[Int(index)].name)' failed"
        case .tooManyInFlight: return "not started: too many requests in flight"
        case .noRow(let feeder):
            return "not started: the feeder '\(plan.feeders[Int(feeder)].name)' has no more rows"
        }
    }
}

extension FailureKey.Cause {
    /// The outcome of a request whose connection broke in this way.
    var brokenOutcome: OutcomeIndex { if case .tls = self { .tls } else { .connection } }

    /// Whether it has nothing to do with the particular request.
    var isAboutConnection: Bool {
        switch self {
        case .connect, .broken, .closedBeforeAnswer, .closedOnReuse, .lookup, .noConnection, .lookupTimeout,
            .connectTimeout, .handshakeTimeout, .certificate, .tls, .tlsClosed, .otherProtocol, .tooManyInFlight:
            true
        case .closedInAnswer, .noAnswer, .slowAnswer, .malformed, .status, .missingCapture, .check, .noRow: false
        }
    }
}

extension Plan.Capture.Source {
    /// That the answer does not have it, in words.
    var absenceWords: String {
        switch self {
        case .json(let path):
            let text = path.reduce(into: "$") { text, component in
                switch component {
                case .key(let key): text += ".\(key)"
                case .index(let index): text += "[\(index)]"
                }
            }
            return "the answer has no \(text)"
        case .header(let name): return "the answer has no header '\(name)'"
        case .pattern(let pattern): return "nothing in the answer matches /\(pattern.source)/"
        case .status: return "the answer has no status"
        case .cookie(let name): return "the answer sets no cookie '\(name)'"
        }
    }
}

func errorText(_ code: CInt) -> String { String(cString: strerror(code)) }
