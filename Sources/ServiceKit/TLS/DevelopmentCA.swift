// SPDX-License-Identifier: Apache-2.0

internal import Crypto
internal import Foundation
internal import SwiftASN1
internal import X509

/// The certificate authority that the services of one machine trust.
///
/// The first process that needs it makes it: `ca.pem`, `ca-key.pem` (owner only) and `service-secret` (owner only) in one
/// directory. Every service then makes a certificate of its own at each start, in memory only.
package struct DevelopmentCA: Sendable {
    /// The CA's certificate, what clients verify against.
    package let certificatePEM: String
    /// Where that certificate lies.
    package let certificatePath: String
    package let secret: ServiceSecret
    private let certificate: Certificate
    private let key: Certificate.PrivateKey

    /// Opens the CA in `directory`, or makes it. Blocks for milliseconds; several processes may do it at once.
    ///
    /// - Throws: ``StartupError``.
    package init(directory: String) throws {
        try PrivateFile.makeDirectory(directory, purpose: "TLS directory", option: "--tls")
        let certificatePath = directory + "/ca.pem"
        let keyPath = directory + "/ca-key.pem"
        let secretPath = directory + "/service-secret"

        (certificatePEM, certificate, key, secret) = try FileLock.withLock(at: directory + "/.lock") {
            let secret: ServiceSecret
            if let text = try PrivateFile.read(secretPath)?.trimmingCharacters(in: .whitespacesAndNewlines),
                !text.isEmpty
            {
                secret = ServiceSecret(value: text)
            } else {
                secret = .random()
                try PrivateFile.write(secret.value + "\n", to: secretPath)
            }
            switch (try PrivateFile.read(certificatePath), try PrivateFile.read(keyPath)) {
            case (let pem?, let keyPEM?):
                let (certificate, key) = try Self.parse(pem, key: keyPEM, directory: directory)
                return (pem, certificate, key, secret)
            case (nil, nil), (nil, _?):
                let (certificate, key, pem, keyPEM) = try Self.make()
                // The key first: a certificate without its key would be in the way for good.
                try PrivateFile.write(keyPEM, to: keyPath)
                try PrivateFile.write(pem, to: certificatePath, mode: 0o644)
                return (pem, certificate, key, secret)
            case (_?, nil):
                throw StartupError(
                    "\(certificatePath) is there but its key \(keyPath) is not; put it back, or remove both to have new ones made"
                )
            }
        }
        self.certificatePath = certificatePath
    }

    private static func parse(_ pem: String, key: String, directory: String) throws -> (
        Certificate, Certificate.PrivateKey
    ) {
        let remedy = "remove ca.pem and ca-key.pem from \(directory) to have new ones made"
        do {
            let certificate = try Certificate(pemEncoded: pem)
            let key = try Certificate.PrivateKey(pemEncoded: key)
            guard certificate.publicKey == key.publicKey else {
                throw StartupError("ca.pem and ca-key.pem in \(directory) do not belong together; \(remedy)")
            }
            guard certificate.notValidAfter > Date() else {
                throw StartupError(
                    "the development CA in \(directory) expired at \(certificate.notValidAfter); \(remedy)")
            }
            return (certificate, key)
        } catch let error as StartupError {
            throw error
        } catch {
            throw StartupError("the development CA in \(directory) cannot be read; \(remedy)")
        }
    }

    private static func make() throws -> (Certificate, Certificate.PrivateKey, pem: String, keyPEM: String) {
        let privateKey = P256.Signing.PrivateKey()
        let key = Certificate.PrivateKey(privateKey)
        let name = try DistinguishedName {
            OrganizationName("Seawall")
            CommonName("Seawall development CA")
        }
        let now = Date()
        let certificate = try Certificate(
            version: .v3, serialNumber: .init(), publicKey: key.publicKey,
            // Certificates know whole seconds, and clocks of containers may differ a little.
            notValidBefore: now - 3600, notValidAfter: now + 10 * 365 * 86_400, issuer: name, subject: name,
            signatureAlgorithm: .ecdsaWithSHA256,
            extensions: try .init {
                Critical(BasicConstraints.isCertificateAuthority(maxPathLength: 0))
                Critical(KeyUsage(keyCertSign: true, cRLSign: true))
                SubjectKeyIdentifier(hash: key.publicKey)
            },
            issuerPrivateKey: key)
        return (
            certificate, key, try certificate.serializeAsPEM().pemString + "\n", privateKey.pemRepresentation + "\n"
        )
    }

    /// A certificate and its key for a server, P-256, valid for 30 days.
    ///
    /// - Parameters:
    ///   - service: the certificate's name, and `<service>-service` among its host names.
    ///   - hosts: further host names and addresses, beside `localhost`, `127.0.0.1` and `::1`.
    /// - Throws: when a host is not a name that fits into a certificate.
    package func makeLeaf(service: String, hosts: [String] = []) throws -> LeafCertificate {
        let privateKey = P256.Signing.PrivateKey()
        let publicKey = Certificate.PublicKey(privateKey.publicKey)
        let now = Date()
        let names = Set(["localhost", "\(service)-service", "127.0.0.1", "::1"] + hosts).sorted().map(Self.generalName)
        let leaf = try Certificate(
            version: .v3, serialNumber: .init(), publicKey: publicKey, notValidBefore: now - 3600,
            notValidAfter: now + 30 * 86_400, issuer: certificate.subject,
            subject: try DistinguishedName {
                OrganizationName("Seawall")
                CommonName("\(service)-service")
            },
            signatureAlgorithm: .ecdsaWithSHA256,
            extensions: try .init {
                Critical(BasicConstraints.notCertificateAuthority)
                Critical(KeyUsage(digitalSignature: true))
                try ExtendedKeyUsage([.serverAuth])
                SubjectAlternativeNames(names)
                SubjectKeyIdentifier(hash: publicKey)
                AuthorityKeyIdentifier(keyIdentifier: SubjectKeyIdentifier(hash: certificate.publicKey).keyIdentifier)
            },
            issuerPrivateKey: key)
        return LeafCertificate(
            certificatePEM: try leaf.serializeAsPEM().pemString, keyPEM: privateKey.pemRepresentation)
    }

    /// An address becomes its raw bytes, anything else is a host name.
    private static func generalName(_ host: String) -> GeneralName {
        var v4 = in_addr()
        if inet_pton(AF_INET, host, &v4) == 1 {
            return .ipAddress(ASN1OctetString(contentBytes: withUnsafeBytes(of: &v4) { Array($0)[...] }))
        }
        var v6 = in6_addr()
        if inet_pton(AF_INET6, host, &v6) == 1 {
            return .ipAddress(ASN1OctetString(contentBytes: withUnsafeBytes(of: &v6) { Array($0)[...] }))
        }
        return .dnsName(host)
    }
}
