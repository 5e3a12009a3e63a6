// SPDX-License-Identifier: Apache-2.0
#include "CTestServer.h"

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdio.h>

static void add_extension(X509 *certificate, int nid, const char *value) {
    X509V3_CTX context;
    X509V3_set_ctx_nodb(&context);
    X509V3_set_ctx(&context, certificate, certificate, NULL, NULL, 0);
    X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, &context, nid, value);
    if (!extension) return;
    X509_add_ext(certificate, extension, -1);
    X509_EXTENSION_free(extension);
}

int seawall_test_make_certificate(const char *certificate_file, const char *key_file, const char *subject_alternative_names,
                                  long valid_from, long valid_to) {
    EVP_PKEY *key = EVP_EC_gen("P-256");
    X509 *certificate = X509_new();
    X509_set_version(certificate, X509_VERSION_3);
    ASN1_INTEGER_set(X509_get_serialNumber(certificate), 1);
    X509_gmtime_adj(X509_getm_notBefore(certificate), valid_from);
    X509_gmtime_adj(X509_getm_notAfter(certificate), valid_to);
    X509_NAME *name = X509_get_subject_name(certificate);
    X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, (const unsigned char *)"seawall test", -1, -1, 0);
    X509_set_issuer_name(certificate, name);
    X509_set_pubkey(certificate, key);
    add_extension(certificate, NID_basic_constraints, "critical,CA:TRUE");
    add_extension(certificate, NID_subject_alt_name, subject_alternative_names);
    X509_sign(certificate, key, EVP_sha256());

    int written = 0;
    FILE *file = fopen(certificate_file, "w");
    if (file) {
        written += PEM_write_X509(file, certificate);
        fclose(file);
    }
    file = fopen(key_file, "w");
    if (file) {
        written += PEM_write_PrivateKey(file, key, NULL, NULL, 0, NULL, NULL);
        fclose(file);
    }
    X509_free(certificate);
    EVP_PKEY_free(key);
    return written == 2 ? 0 : -1;
}
