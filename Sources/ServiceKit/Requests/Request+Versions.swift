// SPDX-License-Identifier: Apache-2.0

internal import HTTPTypes
package import Hummingbird

extension Request {
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
        let tags = field.split(separator: ",").map { $0.drop { $0 == " " }.prefix { $0 != " " } }
        if tags.contains("*") { return nil }
        return try tags.compactMap { tag in
            let opaque = tag.hasPrefix("W/") ? tag.dropFirst(2) : tag
            guard opaque.count >= 2, opaque.hasPrefix("\""), opaque.hasSuffix("\"") else {
                throw Problem(
                    .badRequest, type: "malformed-header", detail: "If-Match must hold ETags in double quotes.")
            }
            return tag.hasPrefix("W/") ? nil : Int(opaque.dropFirst().dropLast().prefix { $0 != "." })
        }
    }
}
