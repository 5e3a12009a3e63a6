// SPDX-License-Identifier: Apache-2.0

internal import Foundation

/// Where an instance of a service answers: `https://host:port`, nothing behind it.
package struct ServiceAddress: Sendable, Hashable, CustomStringConvertible {
    package let description: String

    /// Nil unless `text` is an https URL of a host and at most a port.
    package init?(_ text: String) {
        guard let parts = URLComponents(string: text), parts.scheme?.lowercased() == "https", let host = parts.host,
            !host.isEmpty, parts.path.isEmpty || parts.path == "/", parts.query == nil, parts.fragment == nil,
            parts.user == nil, parts.password == nil, parts.port.map({ (1...65_535).contains($0) }) ?? true
        else { return nil }
        description = "https://" + host + (parts.port.map { ":\($0)" } ?? "")
    }
}

extension ServiceAddress: Codable {
    package init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        let text = try container.decode(String.self)
        guard let address = ServiceAddress(text) else {
            throw DecodingError.dataCorruptedError(
                in: container, debugDescription: "'\(text)' is not https://host:port")
        }
        self = address
    }

    package func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(description)
    }
}
