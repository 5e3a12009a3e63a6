// SPDX-License-Identifier: Apache-2.0

package import NIOSSL

/// A server's certificate and private key. They live in memory only.
package struct LeafCertificate: Sendable {
    package let certificatePEM: String
    package let keyPEM: String

    /// How a server that shows this certificate talks TLS: 1.2 and 1.3.
    ///
    /// - Throws: `NIOSSLError` when the PEM texts can't be read.
    package func serverConfiguration() throws -> TLSConfiguration {
        var configuration = TLSConfiguration.makeServerConfiguration(
            certificateChain: try NIOSSLCertificate.fromPEMBytes(Array(certificatePEM.utf8)).map { .certificate($0) },
            privateKey: .privateKey(try NIOSSLPrivateKey(bytes: Array(keyPEM.utf8), format: .pem)))
        configuration.minimumTLSVersion = .tlsv12
        return configuration
    }
}

extension DevelopmentCA {
    /// How a client talks TLS that trusts this CA and nothing else. Host names are verified.
    ///
    /// - Throws: `NIOSSLError` when the PEM text can't be read.
    package func clientConfiguration() throws -> TLSConfiguration {
        var configuration = TLSConfiguration.makeClientConfiguration()
        configuration.minimumTLSVersion = .tlsv12
        configuration.trustRoots = .certificates(try NIOSSLCertificate.fromPEMBytes(Array(certificatePEM.utf8)))
        return configuration
    }
}
