// SPDX-License-Identifier: Apache-2.0

internal import Foundation

/// A proxy as the control API reads and writes it.
struct ProxyText: Codable {
    var name: String?
    var listen: String?
    var upstream: String?
    var enabled: Bool?
    var toxics: [ToxicText]?

    init(_ proxy: FaultProxy) {
        name = proxy.name
        listen = proxy.listen.description
        upstream = proxy.upstream.description
        enabled = proxy.isEnabled
        toxics = proxy.toxics.map(ToxicText.init)
    }
}

/// A toxic as the control API reads and writes it.
struct ToxicText: Codable {
    var name: String?
    var type: String?
    var stream: String?
    var toxicity: Double?
    var attributes: [String: Int]?

    init(_ toxic: Toxic) {
        name = toxic.name
        type = toxic.kind.type
        stream = toxic.direction.rawValue
        toxicity = toxic.toxicity
        attributes = toxic.kind.attributes
    }

    /// The toxic that this text describes, or the one it makes of an existing one.
    func toxic(changing old: Toxic? = nil) throws(ControlError) -> Toxic {
        guard let type = type ?? old?.kind.type else {
            throw ControlError(status: 400, message: "missing required field: type")
        }
        let directionText = stream ?? old?.direction.rawValue ?? Toxic.Direction.downstream.rawValue
        guard let direction = Toxic.Direction(rawValue: directionText) else {
            throw ControlError(status: 400, message: "stream was invalid, can be either upstream or downstream")
        }
        let toxicity = toxicity ?? old?.toxicity ?? 1
        guard (0...1).contains(toxicity) else {
            throw ControlError(status: 400, message: "toxicity is \(toxicity); it takes 0 to 1")
        }
        do {
            let kind = try Toxic.Kind(
                type: type, attributes: (old?.kind.attributes ?? [:]).merging(attributes ?? [:]) { $1 })
            return Toxic(
                name: old?.name ?? name ?? "\(type)_\(direction.rawValue)", kind: kind, direction: direction,
                toxicity: toxicity)
        } catch {
            throw ControlError(status: 400, message: error.message)
        }
    }
}

extension ControlError {
    /// The body that tells of this error, in Toxiproxy's form.
    var body: Data {
        (try? JSONSerialization.data(withJSONObject: ["error": message, "status": status], options: .sortedKeys))
            ?? Data()
    }
}
