// SPDX-License-Identifier: Apache-2.0

/// What a virtual station is: servers behind one queue.
///
/// In JSON: `{"slots": 2, "service": "exp(5ms)", "queue": "fifo(100)", "drop-expired": true}`. Only `service` must be
/// there; keys that are unknown are refused.
package struct StationOptions: Sendable, Equatable {
    /// Requests that are served at once; nil without a limit, a pure delay.
    package var slots: Int?
    package var service: ServiceTime
    package var queue: QueueDiscipline
    /// Whether a request whose deadline (`X-Deadline-Ms`) has passed while it waited is answered 504 instead of served.
    package var dropsExpired: Bool

    package init(
        slots: Int? = 1, service: ServiceTime, queue: QueueDiscipline = QueueDiscipline(.fifo),
        dropsExpired: Bool = false
    ) {
        self.slots = slots
        self.service = service
        self.queue = queue
        self.dropsExpired = dropsExpired
    }

    package static let slotRange = 1...100_000
    /// The most stations of one process.
    package static let mostStations = 1_000

    /// Requests a second that the station can serve at most; nil without a limit.
    package var capacityPerSecond: Double? {
        guard let slots, service.mean > 0 else { return nil }
        return Double(slots) / service.mean * 1e9
    }
}

extension StationOptions: Codable {
    private enum Key: String, CodingKey, CaseIterable {
        case slots, service, queue
        case dropExpired = "drop-expired"
    }

    private struct AnyKey: CodingKey {
        var stringValue: String
        var intValue: Int? { nil }
        init?(stringValue: String) { self.stringValue = stringValue }
        init?(intValue: Int) { nil }
    }

    /// - Throws: `DecodingError` whose debug description is one clear sentence for the person who wrote the JSON.
    package init(from decoder: any Decoder) throws {
        let known = Key.allCases.map(\.rawValue)
        let all = try decoder.container(keyedBy: AnyKey.self)
        func fault(_ message: String) -> DecodingError {
            .dataCorrupted(.init(codingPath: decoder.codingPath, debugDescription: message))
        }
        if let stranger = all.allKeys.map(\.stringValue).sorted().first(where: { !known.contains($0) }) {
            throw fault("'\(stranger)' is no key of a station; allowed are \(known.joined(separator: ", "))")
        }
        let values = try decoder.container(keyedBy: Key.self)
        guard let text = try values.decodeIfPresent(String.self, forKey: .service) else {
            throw fault("'service' is missing, for example \"exp(5ms)\"")
        }
        let service: ServiceTime
        do { service = try ServiceTime(text: text) } catch { throw fault("service: \(error)") }

        var slots: Int? = 1
        if let word = try? values.decode(String.self, forKey: .slots) {
            guard word == "inf" else { throw fault("slots: '\(word)' is neither a whole number nor \"inf\"") }
            slots = nil
        } else if let number = try values.decodeIfPresent(Int.self, forKey: .slots) {
            guard Self.slotRange.contains(number) else {
                throw fault("slots: \(number) lies outside of 1...\(Self.slotRange.upperBound)")
            }
            slots = number
        }
        let queueText = try values.decodeIfPresent(String.self, forKey: .queue) ?? "fifo"
        guard let queue = QueueDiscipline(text: queueText) else {
            throw fault("queue: '\(queueText)' is no queue; write fifo, lifo, fifo(100) or lifo(100)")
        }
        self.init(
            slots: slots, service: service, queue: queue,
            dropsExpired: try values.decodeIfPresent(Bool.self, forKey: .dropExpired) ?? false)
    }

    package func encode(to encoder: any Encoder) throws {
        var values = encoder.container(keyedBy: Key.self)
        if let slots { try values.encode(slots, forKey: .slots) } else { try values.encode("inf", forKey: .slots) }
        try values.encode(service.description, forKey: .service)
        try values.encode(queue.description, forKey: .queue)
        try values.encode(dropsExpired, forKey: .dropExpired)
    }
}
