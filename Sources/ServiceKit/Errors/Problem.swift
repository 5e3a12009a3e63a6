// SPDX-License-Identifier: Apache-2.0

package import HTTPTypes
internal import Hummingbird

/// What a service answers when it can't do what it was asked: the `application/problem+json` of RFC 9457.
///
/// Throw one from a handler and it becomes the response. The text goes to the client: it names what the client sent and can
/// change, never internals.
package struct Problem: Error, Sendable, Equatable {
    /// A value of an extension member.
    package enum Value: Sendable, Equatable {
        case string(String)
        case integer(Int)
        case boolean(Bool)
    }

    /// One fault in what was sent.
    package struct Fault: Sendable, Equatable, Encodable {
        /// Where it is, as a JSON pointer (RFC 6901); "" is the whole body. A query parameter is written `?name`.
        package var pointer: String
        package var detail: String

        package init(pointer: String, detail: String) {
            self.pointer = pointer
            self.detail = detail
        }
    }

    package var status: HTTPResponse.Status
    /// The last part of the problem's type URI, `stale-etag`; nil means that the status says it all (`about:blank`).
    package var type: String?
    package var title: String
    package var detail: String?
    package var faults: [Fault]
    package var extensions: [String: Value]
    /// Further header fields of the response, such as Retry-After.
    package var headers: HTTPFields

    /// - Parameters:
    ///   - type: the last part of the type URI, in kebab-case.
    ///   - title: the same for every problem of the type; the status' reason phrase when left out.
    package init(
        _ status: HTTPResponse.Status, type: String? = nil, title: String? = nil, detail: String? = nil,
        faults: [Fault] = [], extensions: [String: Value] = [:], headers: HTTPFields = [:]
    ) {
        self.status = status
        self.type = type
        self.title = title ?? Self.title(type) ?? status.reasonPhrase
        self.detail = detail
        self.faults = faults
        self.extensions = extensions
        self.headers = headers
    }

    /// Where the URIs of problem types begin. The domain is reserved (RFC 2606), so that they can't lead anywhere by chance.
    package static let typePrefix = "https://seawall.example/problems/"

    private static func title(_ type: String?) -> String? {
        guard let type, let first = type.first else { return nil }
        return first.uppercased() + type.dropFirst().replacing("-", with: " ")
    }
}

extension Problem.Value: ExpressibleByStringLiteral, ExpressibleByIntegerLiteral, ExpressibleByBooleanLiteral {
    package init(stringLiteral value: String) { self = .string(value) }
    package init(integerLiteral value: Int) { self = .integer(value) }
    package init(booleanLiteral value: Bool) { self = .boolean(value) }
}

// MARK: - Those that every service has

extension Problem {
    /// 422: the body or the query is well formed but not acceptable. All faults at once.
    package static func validation(_ faults: [Fault]) -> Problem {
        Problem(
            .unprocessableContent, type: "validation", title: "The request is not acceptable",
            detail: faults.count == 1 ? faults.first?.detail : "\(faults.count) faults", faults: faults)
    }

    /// 422 for one field of the body.
    package static func invalid(_ pointer: String, _ detail: String) -> Problem {
        validation([Fault(pointer: pointer, detail: detail)])
    }

    /// 404: there is no such `what` ("user", "post") that the caller may see.
    package static func notFound(_ what: String) -> Problem {
        Problem(.notFound, type: "\(what)-not-found", title: "Not found", detail: "There is no such \(what).")
    }

    /// 401: no usable credentials. `WWW-Authenticate` is added, as RFC 9110 requires.
    package static func unauthorized(_ detail: String, type: String = "unauthorized") -> Problem {
        Problem(.unauthorized, type: type, detail: detail, headers: [.wwwAuthenticate: "Bearer realm=\"seawall\""])
    }

    /// 403: the caller is known and may not do this.
    package static func forbidden(_ detail: String) -> Problem {
        Problem(.forbidden, type: "forbidden", detail: detail)
    }

    /// 500: our fault. What went wrong is in the log only.
    package static let unexpected = Problem(.internalServerError, detail: "An unexpected error. It has been logged.")
}
