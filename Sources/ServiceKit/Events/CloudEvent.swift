// SPDX-License-Identifier: Apache-2.0

/// What happened in a service, as other services hear of it: a CloudEvents 1.0 event in its JSON form.
///
/// `source` and `id` together name an event; a second one with the same pair is the same event delivered again.
package struct CloudEvent: Sendable, Hashable {
    /// Distinguishes the events of a source; they are delivered in the order of their ids.
    package var id: RecordID
    /// Who says so, `/comment-service`.
    package var source: String
    /// What happened, with the version of `data`: `social.comment.created.v1`.
    package var type: String
    /// What it happened to, `posts/01j…`.
    package var subject: String
    /// The particulars. Ids and words only: whoever needs more asks the source.
    package var data: [String: String]

    package init(id: RecordID, source: String, type: String, subject: String, data: [String: String]) {
        self.id = id
        self.source = source
        self.type = type
        self.subject = subject
        self.data = data
    }

    /// The media type of a request that carries a list of events.
    package static let batchMediaType = "application/cloudevents-batch+json"
}

extension CloudEvent: Codable {
    private enum CodingKeys: String, CodingKey {
        case specversion, id, source, type, subject, time, datacontenttype, data
    }

    package init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        let version = try container.decode(String.self, forKey: .specversion)
        guard version == "1.0" else {
            throw DecodingError.dataCorruptedError(
                forKey: .specversion, in: container, debugDescription: "specversion \(version) is not 1.0")
        }
        id = try container.decode(RecordID.self, forKey: .id)
        source = try container.decode(String.self, forKey: .source)
        type = try container.decode(String.self, forKey: .type)
        subject = try container.decodeIfPresent(String.self, forKey: .subject) ?? ""
        data = try container.decodeIfPresent([String: String].self, forKey: .data) ?? [:]
    }

    package func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode("1.0", forKey: .specversion)
        try container.encode(id, forKey: .id)
        try container.encode(source, forKey: .source)
        try container.encode(type, forKey: .type)
        try container.encode(subject, forKey: .subject)
        try container.encode(WallClock.text(id.millisecond), forKey: .time)
        try container.encode("application/json", forKey: .datacontenttype)
        try container.encode(data, forKey: .data)
    }
}
