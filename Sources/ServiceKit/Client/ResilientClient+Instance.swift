// SPDX-License-Identifier: Apache-2.0

internal import Resilience
internal import Synchronization

/// The instance that an attempt goes to. Whoever chose it has to be told how the attempt ended.
struct ChosenInstance: Sendable {
    /// `https://host:port`.
    let address: String
    private let ejection: OutlierEjection<String>?
    private let call: OutlierEjection<String>.Call?

    /// The only one: nothing can be learnt from how it fares.
    init(_ address: String) {
        self.address = address
        ejection = nil
        call = nil
    }

    /// One of several.
    init(_ address: String, watchedBy ejection: OutlierEjection<String>) {
        self.address = address
        self.ejection = ejection
        call = ejection.begin(address)
    }

    /// The attempt has ended.
    func end(_ verdict: Verdict) {
        if let ejection, let call { ejection.end(call, verdict) }
    }
}

extension ResilientClient {
    /// The instance whose turn it is, of those that the pipeline's outlier ejection leaves; all of them while it is disabled.
    func chooseInstance(of service: String, _ pipeline: ResiliencePipeline) throws(TransportFailure) -> ChosenInstance {
        guard let instances = directory.instances(of: service) else {
            throw TransportFailure(.noInstance, "no instance of the \(service) service is known")
        }
        guard instances.addresses.count > 1 else { return ChosenInstance(instances.next.description) }
        let ejection = pipeline.outlierEjection
        knownInstances.withLock { known in
            // Lists come in the order of their versions; who is late with an old one leaves the newer.
            guard known[service, default: 0] < instances.version else { return }
            known[service] = instances.version
            ejection.update(instances.addresses.map(\.description))
        }
        let available = ejection.available
        // Empty for the moment in which the directory has shrunk to one instance and grown again.
        guard !available.isEmpty else { return ChosenInstance(instances.next.description) }
        return ChosenInstance(available[instances.turn % available.count], watchedBy: ejection)
    }
}
