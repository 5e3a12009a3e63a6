// SPDX-License-Identifier: Apache-2.0

internal import HTTPTypes
package import Hummingbird

/// The version of a resource as HTTP shows it: a strong entity tag (RFC 9110, 8.8.3), `"7"`.
///
/// What a client sees may change although nobody edited it, such as a count of likes. That goes into the tag behind the
/// version, `"7.12.1"`: If-None-Match compares all of it, so that no client keeps an old count, and If-Match the
/// version only, so that a like does not get in the way of an edit.
package struct EntityTag: Sendable, Equatable, CustomStringConvertible {
    /// Grows with every edit.
    package let version: Int
    /// Whatever else the client sees of the resource and nobody edits.
    package let state: [Int]

    package init(version: Int, state: [Int] = []) {
        self.version = version
        self.state = state
    }

    /// With its quotes, as it stands in a header field.
    package var description: String {
        state.reduce(into: "\"\(version)") { $0 += ".\($1)" } + "\""
    }
}

extension Request {
    /// Demands that the client changes the version that is current (RFC 9110, 13.1.1).
    ///
    /// Check again in the statement that writes (`… WHERE version = ?`): another request may come in between.
    /// - Throws: a ``Problem``: 412 when If-Match names another version, and whatever ``expectedVersions()`` throws.
    package func requireIfMatch(_ current: EntityTag) throws {
        guard let expected = try expectedVersions() else { return }
        guard expected.contains(current.version) else {
            throw Problem.stale(sent: headers[.ifMatch], current: current)
        }
    }

    /// The versions that If-Match names, to be compared in the transaction that writes; nil for `*`, any version.
    ///
    /// The first number of a tag is the version: `"7"`, or `"7.12.1"` where the tag also tells of what is no edit.
    /// Tags that are weak or were never ours match nothing.
    ///
    /// - Throws: a ``Problem``: 428 without If-Match (RFC 6585), 400 when it can't be read.
    package func expectedVersions() throws -> [Int]? {
        guard let field = headers[.ifMatch] else {
            throw Problem(
                .preconditionRequired, type: "if-match-required",
                detail: "Send If-Match with the ETag of the version that you change.")
        }
        let tags = try Self.tags(field, in: "If-Match")
        if tags.contains("*") { return nil }
        return tags.compactMap { tag in
            tag.hasPrefix("W/") ? nil : Int(tag.dropFirst().dropLast().prefix { $0 != "." })
        }
    }

    /// Whether the client already has this version, so that 304 is the answer (RFC 9110, 13.1.2). Compares weakly.
    package func hasCurrent(_ tag: EntityTag) -> Bool {
        guard let field = headers[.ifNoneMatch], let tags = try? Self.tags(field, in: "If-None-Match") else {
            return false
        }
        return tags.contains { $0 == "*" || $0 == tag.description || $0 == "W/" + tag.description }
    }

    /// The members of a list of entity tags.
    private static func tags(_ field: String, in name: String) throws -> [Substring] {
        try field.split(separator: ",").map { member in
            let tag = member.drop { $0 == " " }.prefix { $0 != " " }
            let opaque = tag.hasPrefix("W/") ? tag.dropFirst(2) : tag
            guard tag == "*" || (opaque.count >= 2 && opaque.hasPrefix("\"") && opaque.hasSuffix("\"")) else {
                throw Problem(
                    .badRequest, type: "malformed-header", detail: "\(name) must hold ETags in double quotes.")
            }
            return tag
        }
    }
}

extension Problem {
    /// 412: somebody else changed the resource.
    package static func stale(sent: String? = nil, current: EntityTag) -> Problem {
        Problem(
            .preconditionFailed, type: "stale-etag", title: "The resource changed",
            detail: sent.map { "If-Match is \($0.prefix(64)) but the current version is \(current)." }
                ?? "If-Match names another version than the current \(current).",
            extensions: ["currentETag": .string(current.description), "retryable": false],
            headers: [.eTag: current.description])
    }
}

extension Response {
    /// 304 with its ETag.
    package static func notModified(_ tag: EntityTag) -> Response {
        Response(status: .notModified, headers: [.eTag: tag.description])
    }
}
